package ghcr

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ownerOf returns whose packages the request is about, and false when there is nobody of that kind.
func (s *Server) ownerOf(c call) (string, bool) {
	owner := c.PathValue("owner")
	if owner == "" {
		return c.account.User, true
	}
	isUser := s.owner(owner)["type"] == "User"
	return owner, isUser == strings.HasPrefix(c.URL.Path, apiPrefix+"/users/")
}

func (s *Server) listPackages(w http.ResponseWriter, c call) {
	owner, ok := s.ownerOf(c)
	query := c.URL.Query()
	switch {
	case !ok:
		fail(w, http.StatusNotFound, "Not Found")
		return
	case query.Get("package_type") == "":
		fail(w, http.StatusUnprocessableEntity, "Invalid request.\n\nMissing required parameter: package_type.")
		return
	case !c.account.scope("read:packages", "write:packages"):
		fail(w, http.StatusForbidden, "You need at least read:packages scope to list packages.")
		return
	}
	s.mu.Lock()
	var list []object
	for _, p := range s.packages {
		visible := c.account.refusal(Pull, p.Name, &p.Package) == ""
		wanted := query.Get("visibility") == "" || query.Get("visibility") == p.visibility()
		if strings.EqualFold(ownerOf(p.Name), owner) && visible && wanted && query.Get("package_type") == "container" {
			list = append(list, s.packageObject(p))
		}
	}
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b object) int { return strings.Compare(a["name"].(string), b["name"].(string)) })
	page(s, w, c, list)
}

// packageObject is https://docs.github.com/en/rest/packages/packages#get-a-package-for-an-organization. The caller holds mu.
func (s *Server) packageObject(p *stored) object {
	owner, name := split(p.Name)
	made := object{
		"id": p.id, "name": name, "package_type": "container", "owner": s.owner(owner), "version_count": len(p.versions), "visibility": p.visibility(),
		"url":        s.API + "/orgs/" + owner + "/packages/container/" + url.PathEscape(name),
		"created_at": p.created, "updated_at": p.created, "html_url": "https://github.com/orgs/" + owner + "/packages/container/package/" + url.PathEscape(name),
	}
	if p.Repository != "" {
		holder, repository := split(p.Repository)
		made["repository"] = object{"id": number(p.Repository), "name": repository, "full_name": p.Repository, "private": !p.Public, "owner": s.owner(holder)}
	}
	return made
}

func (p *stored) visibility() string {
	if p.Public {
		return "public"
	}
	return "private"
}

// lookup finds the package that the account may see, or answers. What may not be seen is not there.
func (s *Server) lookup(w http.ResponseWriter, c call) *stored {
	owner, ok := s.ownerOf(c)
	name := owner + "/" + c.PathValue("name")
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.packages[name]
	if !ok || p == nil || c.account.refusal(Pull, name, &p.Package) != "" {
		fail(w, http.StatusNotFound, "Package not found.")
		return nil
	}
	return p
}

// mayDelete answers when the account may not.
func (s *Server) mayDelete(w http.ResponseWriter, c call, p *stored) bool {
	if s.refusal(c.account, Delete, p.Name) == "" {
		return true
	}
	message := "You need at least delete:packages scope to delete a package."
	if c.account.Repository != "" {
		message = "Resource not accessible by integration"
	}
	fail(w, http.StatusForbidden, message)
	return false
}

func (s *Server) showPackage(w http.ResponseWriter, c call) {
	if p := s.lookup(w, c); p != nil {
		s.mu.Lock()
		made := s.packageObject(p)
		s.mu.Unlock()
		write(w, http.StatusOK, made)
	}
}

func (s *Server) deletePackage(w http.ResponseWriter, c call) {
	p := s.lookup(w, c)
	if p == nil || !s.mayDelete(w, c, p) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range p.versions {
		s.remove(c.Request, p, v)
	}
	delete(s.packages, p.Name)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) listVersions(w http.ResponseWriter, c call) {
	p := s.lookup(w, c)
	if p == nil {
		return
	}
	s.mu.Lock()
	versions := p.list()
	s.mu.Unlock()
	list := []object{}
	for _, v := range versions {
		list = append(list, s.versionObject(p, v))
	}
	if c.URL.Query().Get("state") == "deleted" {
		list = nil
	}
	page(s, w, c, list)
}

// versionObject is https://docs.github.com/en/rest/packages/packages#list-package-versions-for-a-package-owned-by-an-organization.
func (s *Server) versionObject(p *stored, v Version) object {
	owner, name := split(p.Name)
	id := strconv.FormatInt(v.ID, 10)
	return object{
		"id": v.ID, "name": v.Digest, "url": s.API + "/orgs/" + owner + "/packages/container/" + url.PathEscape(name) + "/versions/" + id,
		"package_html_url": "https://github.com/orgs/" + owner + "/packages/container/package/" + url.PathEscape(name),
		"created_at":       v.Created, "updated_at": v.Updated,
		"metadata": object{"package_type": "container", "container": object{"tags": append([]string{}, v.Tags...)}},
	}
}

// version finds the one that the path names, or answers. The caller holds mu.
func (p *stored) version(w http.ResponseWriter, c call) *Version {
	for _, v := range p.versions {
		if strconv.FormatInt(v.ID, 10) == c.PathValue("id") {
			return v
		}
	}
	fail(w, http.StatusNotFound, "Package version not found.")
	return nil
}

func (s *Server) showVersion(w http.ResponseWriter, c call) {
	p := s.lookup(w, c)
	if p == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := p.version(w, c); v != nil {
		write(w, http.StatusOK, s.versionObject(p, *v))
	}
}

func (s *Server) deleteVersion(w http.ResponseWriter, c call) {
	p := s.lookup(w, c)
	if p == nil || !s.mayDelete(w, c, p) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := p.version(w, c)
	switch {
	case v == nil:
	case len(p.versions) == 1:
		fail(w, http.StatusBadRequest, "You cannot delete the last version of a package. You must delete the package instead.")
	case len(v.Tags) > 0 && p.taggedVersions() == 1:
		fail(w, http.StatusBadRequest, "You cannot delete the last tagged version of a package. You must delete the package instead.")
	default:
		s.remove(c.Request, p, v)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (p *stored) taggedVersions() int {
	n := 0
	for _, v := range p.versions {
		if len(v.Tags) > 0 {
			n++
		}
	}
	return n
}
