package ghcr

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// apiPrefix is GitHub Enterprise's, which serves REST below the same host.
const apiPrefix = "/api/v3"

const defaultRateLimit = 5000

type object = map[string]any

// call is a REST request of an account.
type call struct {
	*http.Request
	account *Account
}

func (s *Server) newAPI() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, do func(http.ResponseWriter, call)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+apiPrefix+path, func(w http.ResponseWriter, r *http.Request) {
			if account, ok := s.enter(w, r); ok {
				do(w, call{r, account})
			}
		})
	}
	handle("GET /rate_limit", func(w http.ResponseWriter, _ call) {
		write(w, http.StatusOK, object{"resources": object{"core": s.rate()}, "rate": s.rate()})
	})
	handle("GET /user", s.showUser)
	handle("GET /users/{owner}", s.showOwner)
	for _, owners := range []string{"/orgs/{owner}", "/users/{owner}", "/user"} {
		handle("GET "+owners+"/packages", s.listPackages)
		one := owners + "/packages/container/{name}"
		handle("GET "+one, s.showPackage)
		handle("DELETE "+one, s.deletePackage)
		handle("GET "+one+"/versions", s.listVersions)
		handle("GET "+one+"/versions/{id}", s.showVersion)
		handle("DELETE "+one+"/versions/{id}", s.deleteVersion)
	}
	handle("GET /repos/{owner}/{repository}/commits/{commit}/check-runs", s.listCheckRuns)
	handle("GET /repos/{owner}/{repository}/pulls", s.listPulls)
	handle("GET /repos/{owner}/{repository}/pulls/{number}", s.showPull)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusNotFound, "Not Found") })
	return mux
}

// enter counts the request, sets the headers that every answer has, and refuses what may not go on.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) (*Account, bool) {
	token := ""
	if scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "token") {
		token = value
	}
	account := s.find(token)
	over, secondary := s.spend(r)
	s.setHeaders(w, account)
	switch {
	case token == "" && r.Header.Get("Authorization") == "":
		fail(w, http.StatusUnauthorized, "Requires authentication")
	case account == nil:
		fail(w, http.StatusUnauthorized, "Bad credentials")
	case secondary:
		w.Header().Set("Retry-After", strconv.Itoa(s.options.RetryAfter))
		fail(w, http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
	case over:
		fail(w, http.StatusForbidden, "API rate limit exceeded for "+account.User+".")
	default:
		return account, true
	}
	return nil, false
}

// spend takes a request from the hour's, but for the question how many there are:
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api.
func (s *Server) spend(r *http.Request) (over, secondary bool) {
	if r.URL.Path == apiPrefix+"/rate_limit" {
		return false, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.api429 > 0 {
		s.api429--
		return false, true
	}
	s.used++
	return s.used > s.limit(), false
}

func (s *Server) limit() int {
	if s.options.RateLimit > 0 {
		return s.options.RateLimit
	}
	return defaultRateLimit
}

// rate is the state of the limit, which begins anew at the next full hour.
func (s *Server) rate() object {
	s.mu.Lock()
	defer s.mu.Unlock()
	reset := s.now().Truncate(time.Hour).Add(time.Hour).Unix()
	return object{"limit": s.limit(), "used": min(s.used, s.limit()), "remaining": max(0, s.limit()-s.used), "reset": reset, "resource": "core"}
}

func (s *Server) setHeaders(w http.ResponseWriter, account *Account) {
	for name, value := range s.rate() {
		w.Header().Set("X-RateLimit-"+name, fmt.Sprint(value))
	}
	if account != nil && account.Repository == "" {
		w.Header().Set("X-OAuth-Scopes", strings.Join(account.Scopes, ", "))
	}
}

func write(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}

func fail(w http.ResponseWriter, status int, message string) {
	write(w, status, object{"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status)})
}

// page answers with a part of the list.
func page[T any](s *Server, w http.ResponseWriter, c call, list []T) {
	write(w, http.StatusOK, turn(s, w, c, list))
}

// turn returns a part of the list and sets links to the others: https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api.
func turn[T any](s *Server, w http.ResponseWriter, c call, list []T) []T {
	size, number := 30, 1
	if n, err := strconv.Atoi(c.URL.Query().Get("per_page")); err == nil && n > 0 {
		size = n
	}
	size = min(size, s.pageSize())
	if n, err := strconv.Atoi(c.URL.Query().Get("page")); err == nil && n > 0 {
		number = n
	}
	last := max(1, (len(list)+size-1)/size)
	var links []string
	link := func(rel string, to int) {
		query := c.URL.Query()
		query.Set("page", strconv.Itoa(to))
		at := url.URL{Path: c.URL.Path, RawPath: c.URL.RawPath, RawQuery: query.Encode()}
		links = append(links, fmt.Sprintf(`<%s%s>; rel="%s"`, s.URL, at.String(), rel))
	}
	if number > 1 {
		link("prev", number-1)
	}
	if number < last {
		link("next", number+1)
		link("last", last)
	}
	if number > 1 {
		link("first", 1)
	}
	if len(links) > 0 {
		w.Header().Set("Link", strings.Join(links, ", "))
	}
	start := min(len(list), (number-1)*size)
	part := list[start:min(len(list), start+size)]
	return append([]T{}, part...)
}

func (s *Server) owner(login string) object {
	kind := "Organization"
	if slices.ContainsFunc(s.options.People, func(p string) bool { return strings.EqualFold(p, login) }) {
		kind = "User"
	}
	return object{"login": login, "id": number(login), "type": kind, "url": s.API + "/users/" + login}
}

// number makes an id of a name, the same in each answer.
func number(name string) int {
	n := 0
	for _, c := range name {
		n = (n*31 + int(c)) % 100_000_007
	}
	return n
}

func (s *Server) showUser(w http.ResponseWriter, c call) {
	if c.account.Repository != "" {
		fail(w, http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	user := s.owner(c.account.User)
	user["type"] = "User"
	write(w, http.StatusOK, user)
}

func (s *Server) showOwner(w http.ResponseWriter, c call) {
	write(w, http.StatusOK, s.owner(c.PathValue("owner")))
}
