package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

// greet reports whether asking further is of use.
func (e *examination) greet(ctx context.Context) bool {
	requests, err := e.Credentials.Greet(ctx, e.Images[0].Repository)
	e.report.Requests += requests
	var denied *registry.DeniedError
	var unreachable *registry.UnreachableError
	switch {
	case err == nil:
		e.add("registry", e.host(), OK, "answers")
		return true
	case errors.As(err, &denied):
		e.add("registry", e.host(), OK, "answers")
		e.refused(denied)
	case errors.As(err, &unreachable) && unreachable.Status == http.StatusTooManyRequests:
		e.add("limit", e.host(), Failure, "the registry takes no more requests for now: "+unreachable.Detail, "sleep 60", "--destination=kind")
	case errors.As(err, &unreachable) && strings.Contains(unreachable.Detail, "certificate"):
		e.add("registry", e.host(), Failure, unreachable.Detail, "export SSL_CERT_FILE=authority.pem", "--destination=kind")
	case errors.As(err, &unreachable):
		e.add("registry", e.host(), Failure, unreachable.Detail, "unset IMAGE_REGISTRY IMAGE_TAG", "--destination=kind")
	default:
		e.add("registry", e.host(), Failure, cause(err), "unset IMAGE_REGISTRY IMAGE_TAG", "--destination=kind")
	}
	return false
}

// refused is a registry that does not even greet back.
func (e *examination) refused(denied *registry.DeniedError) {
	if e.User == "" {
		e.add("login", e.host(), Failure, "nobody is logged in: "+denied.Cause(), e.login()...)
		return
	}
	e.add("login", e.host(), Failure, fmt.Sprintf("the credentials of %s are wrong or have expired: %s", e.User, denied.Cause()), e.login()...)
}

// judgeLogin comes after the questions: whether a login is needed shows in what is denied without one.
func (e *examination) judgeLogin(subjects []subject) {
	switch {
	case e.User != "":
		e.add("login", e.host(), OK, "as "+e.User)
	case anyDenied(subjects):
		e.add("login", e.host(), Failure, "nobody is logged in", e.login()...)
	default:
		e.add("login", e.host(), OK, "not needed")
	}
}

func anyDenied(subjects []subject) bool {
	for _, s := range subjects {
		if s.own.Push != nil || s.own.Pull != nil {
			return true
		}
	}
	return false
}

// login is the line for a person, or that of a workflow's step.
func (e *examination) login() []string {
	if e.Run.Actions {
		return []string{`echo "$GITHUB_TOKEN" | docker login ` + e.host() + ` --username "$GITHUB_ACTOR" --password-stdin`}
	}
	return []string{"docker login " + e.host()}
}

func (e *examination) host() string {
	host, _, _ := strings.Cut(e.Registry, "/")
	return host
}

func (e *examination) judge(s subject) {
	if err := errors.Join(s.own.Failed, s.anonymous.Failed); err != nil {
		e.add("pull", s.image.Repository, Failure, cause(err), "--destination=kind")
		return
	}
	e.judgePush(s)
	e.judgeImage(s)
	e.judgeNodes(s)
}

// judgeImage is about images that a run expects to be in the registry.
func (e *examination) judgeImage(s subject) {
	switch {
	case s.image.Descriptor.Manifest.Digest == "":
	case s.own.Present:
		e.add("image", s.image.Repository, OK, "there, by digest")
	case s.own.Push == nil:
		e.add("image", s.image.Repository, OK, "not there; a run or a push sends it")
	default:
		e.add("image", s.image.Repository, Failure, s.image.Reference()+" is not there and cannot be pushed",
			"tools/bazelw run //services:push -- --registry="+e.Registry+"   # by somebody who may", "--destination=kind")
	}
}

// judgeNodes is about kubelets, which have no credentials but those of a pull secret.
func (e *examination) judgeNodes(s subject) {
	private := s.anonymous.Pull != nil
	switch {
	case e.Loopback:
		e.add("nodes", s.image.Repository, OK, "on this machine; nodes reach it by a relay")
	case !private:
		e.add("nodes", s.image.Repository, OK, "public; nodes need no pull secret")
	case s.own.Pull != nil && e.User != "" && (s.own.Push != nil || s.own.Present):
		e.add("nodes", s.image.Repository, Failure, fmt.Sprintf("private, and nodes cannot pull as %s: %s", e.User, cause(s.own.Pull)), "--destination=kind")
	case !e.Secret:
		e.add("nodes", s.image.Repository, Failure, "private, and there is no pull secret for the nodes: no user and password are stored for "+e.host(), append(e.login(), "--destination=kind")...)
	default:
		e.add("nodes", s.image.Repository, OK, "private; nodes get the credentials of "+e.User+" as a pull secret")
	}
}

// cause is an error's last part, without the image that it is about.
func cause(err error) string {
	var denied *registry.DeniedError
	var unreachable *registry.UnreachableError
	switch {
	case errors.As(err, &denied):
		return denied.Cause()
	case errors.As(err, &unreachable):
		return unreachable.Detail
	}
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return text
}
