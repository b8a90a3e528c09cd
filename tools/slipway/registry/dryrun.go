package registry

import (
	"context"
	"errors"
	"sync"
)

// DryRun is what a push would do.
type DryRun struct {
	Requests int64 // requests that finding out took
	Images   []ImageDryRun
}

// ImageDryRun is what a push would do for one image.
type ImageDryRun struct {
	Name         string
	Part         string   // of the image
	Mounted      bool     // nothing is written there
	Reference    string   // by digest
	Present      bool     // the manifest is there
	Tags         []string // tags that would be written
	Blobs        int      // blobs that would be sent
	BlobsMounted int      // blobs that another repository of the registry has, would have by then, or should have as an upstream
	BlobsPresent int
	Bytes        int64 // sizes of the blobs that would be sent, and of the manifest for itself and each tag
	LayerBytes   int64 // of these, layers
	Requests     int   // requests of the push itself, beyond those of finding out
}

// Title is how messages call the image.
func (d ImageDryRun) Title() string { return title(d.Name, d.Part) }

// Plan asks what a push would find, with a token that can only read, and writes nothing.
func (p *Pusher) Plan(ctx context.Context, images []Image) (DryRun, error) {
	var run DryRun
	var errs []error
	for _, group := range byRegistry(images) {
		errs = append(errs, p.planGroup(ctx, group, &run))
	}
	return run, errors.Join(errs...)
}

func (p *Pusher) planGroup(ctx context.Context, images []Image, run *DryRun) error {
	s, err := p.open(ctx, images, scopes(images, "pull"))
	if err != nil {
		return err
	}
	defer func() {
		run.Requests += s.meter.requests.Load()
		s.meter.CloseIdleConnections()
	}()
	if err := s.look(ctx); err != nil {
		return err
	}
	plans := make(map[*state]ImageDryRun, len(s.states))
	var mu sync.Mutex
	owner, bearer := owners(s.states), s.plannedBearers()
	err = s.each(func(st *state) error {
		plan, err := s.planImage(ctx, st, owner, bearer)
		mu.Lock()
		defer mu.Unlock()
		plans[st] = plan
		return err
	})
	for _, st := range s.states {
		run.Images = append(run.Images, plans[st])
	}
	return err
}

// plannedBearers are bearers of a push.
func (s *session) plannedBearers() map[place]*imageUpload {
	var uploads []*imageUpload
	for _, st := range s.states {
		if !st.present {
			uploads = append(uploads, &imageUpload{session: s, state: st})
		}
	}
	return bearers(uploads)
}

// Requests of an upload: HEAD, then POST and PUT when the blob is sent, POST alone when it is mounted. A tag costs a PUT, and a
// HEAD more where the registry's answer does not name the digest that it has now.
const (
	requestsPresent = 1
	requestsMounted = 2
	requestsSent    = 3
	requestsTag     = 1
)

func (s *session) planImage(ctx context.Context, st *state, owner map[string]*state, bearer map[place]*imageUpload) (ImageDryRun, error) {
	d := st.image.Descriptor
	out := ImageDryRun{Name: d.Name, Part: st.image.Part, Mounted: st.image.Mounted, Reference: st.image.Reference(), Present: st.present, Tags: st.tags, Requests: requestsTag * len(st.tags), Bytes: int64(len(st.tags)) * d.Manifest.Size}
	if st.present {
		out.BlobsPresent = len(d.Blobs())
		return out, nil
	}
	out.Requests++
	out.Bytes += d.Manifest.Size
	for _, b := range d.Blobs() {
		if bearer[place{st.repo.Name(), b.Digest}].state != st {
			out.BlobsPresent++ // another image brings it there
			continue
		}
		there, err := s.blobExists(ctx, st.repo, b.Digest)
		switch {
		case err != nil:
			return out, err
		case there:
			out.BlobsPresent++
			out.Requests += requestsPresent
		case s.mountable(st, b, owner[b.Digest]) != "":
			out.BlobsMounted++
			out.Requests += requestsMounted
		default:
			out.Blobs++
			out.Bytes += b.Size
			out.Requests += requestsSent
			if b.Digest != d.Config.Digest {
				out.LayerBytes += b.Size
			}
		}
	}
	return out, nil
}
