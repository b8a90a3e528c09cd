package registry

import (
	"context"
	"errors"

	"github.com/google/go-containerregistry/pkg/v1/partial"
	"golang.org/x/sync/errgroup"
)

// DryRun is what a push would do.
type DryRun struct {
	Requests int64 // requests that finding out took
	Images   []ImageDryRun
}

// ImageDryRun is what a push would do for one image.
type ImageDryRun struct {
	Name         string
	Reference    string   // by digest
	Present      bool     // the manifest is there
	Tags         []string // tags that would be written
	Blobs        int      // blobs that would be sent
	BlobsMounted int      // blobs that another repository of the registry has, or would have by then
	BlobsPresent int
	Bytes        int64 // sizes of the blobs that would be sent, and of the manifest for itself and each tag
	LayerBytes   int64 // of these, layers
	Requests     int   // requests of the push itself, beyond those of finding out
}

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
	s, err := p.open(ctx, images, "pull")
	if err != nil {
		return err
	}
	defer func() {
		run.Requests += s.meter.requests.Load()
		s.meter.CloseIdleConnections()
	}()
	states, err := s.look(ctx, images)
	if err != nil {
		return err
	}
	plans := make([]ImageDryRun, len(states))
	errs := make([]error, len(states))
	owner := owners(states)
	var g errgroup.Group
	g.SetLimit(s.jobs)
	for i, st := range states {
		g.Go(func() error {
			plans[i], errs[i] = s.planImage(ctx, st, owner)
			errs[i] = s.explain(st.image, errs[i])
			return nil
		})
	}
	g.Wait()
	run.Images = append(run.Images, plans...)
	return errors.Join(errs...)
}

// Requests of an upload: HEAD, then POST, PATCH and PUT when the blob is sent, POST alone when it is mounted.
const (
	requestsPresent = 1
	requestsMounted = 2
	requestsSent    = 4
)

func (s *session) planImage(ctx context.Context, st *state, owner map[string]*state) (ImageDryRun, error) {
	d := st.image.Descriptor
	out := ImageDryRun{Name: d.Name, Reference: st.image.Reference(), Present: st.present, Tags: st.tags, Requests: len(st.tags), Bytes: int64(len(st.tags)) * d.Manifest.Size}
	if st.present {
		out.BlobsPresent = len(d.Blobs())
		return out, nil
	}
	out.Requests++
	out.Bytes += d.Manifest.Size
	for _, b := range d.Blobs() {
		there, err := s.has(ctx, st, b.Digest)
		switch {
		case err != nil:
			return out, err
		case there:
			out.BlobsPresent++
			out.Requests += requestsPresent
		case owner[b.Digest].repo != st.repo:
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

func (s *session) has(ctx context.Context, st *state, digest string) (bool, error) {
	l, err := s.puller.Layer(ctx, st.repo.Digest(digest))
	if err != nil {
		return false, err
	}
	return partial.Exists(l)
}
