package deploy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// look is what is pending at a time, by workload; a crash's time is in seconds.
type look struct {
	at      int
	pending map[string]reason
	want    []string
}

func TestPatience(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(1000+s), 0) }
	pod := func(uid string) corev1.Pod { p := corev1.Pod{}; p.UID = types.UID(uid); return p }
	crash := func(uid string, ended int) reason {
		return reason{fate: crashing, pod: pod(uid), container: "c", ended: at(ended)}
	}
	image := reason{fate: stuck, pod: pod("i"), container: "c"}
	slow := reason{}
	for _, tc := range []struct {
		name  string
		looks []look
	}{
		{"slow start", []look{{0, map[string]reason{"a": slow}, nil}, {290, map[string]reason{"a": slow}, nil}}},
		{"alone: the first crash loop is the end", []look{{0, map[string]reason{"a": slow}, nil}, {3, map[string]reason{"a": crash("1", 3)}, []string{"a"}}}},
		{"image: after its grace", []look{
			{0, map[string]reason{"a": image, "b": slow}, nil},
			{9, map[string]reason{"a": image, "b": slow}, nil},
			{10, map[string]reason{"a": image, "b": slow}, []string{"a"}},
		}},
		{"image of the next pod: a grace of its own", []look{
			{0, map[string]reason{"a": image}, nil},
			{11, map[string]reason{"a": {fate: stuck, pod: pod("other"), container: "c"}}, nil},
		}},
		{"image that cannot be inspected: at once", []look{{0, map[string]reason{"a": {fate: lost}}, []string{"a"}}}},
		{"crashing beside a slow one: 45 s", []look{
			{2, map[string]reason{"a": crash("1", 2), "b": slow}, nil},
			{46, map[string]reason{"a": crash("1", 40), "b": slow}, nil},
			{47, map[string]reason{"a": crash("1", 40), "b": slow}, []string{"a"}},
		}},
		{"what it needed came: one more try", []look{
			{2, map[string]reason{"a": crash("1", 2), "b": slow}, nil},
			{8, map[string]reason{"a": crash("1", 2)}, nil},
			{13, map[string]reason{"a": slow}, nil},
			{14, map[string]reason{"a": crash("1", 14)}, []string{"a"}},
		}},
		{"two that wait for each other", []look{
			{2, map[string]reason{"a": crash("1", 2), "b": crash("2", 2)}, nil},
			{47, map[string]reason{"a": crash("1", 40), "b": crash("2", 40)}, []string{"a", "b"}},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPatience(len(tc.looks[0].pending))
			for _, l := range tc.looks {
				var signs []sign
				for _, name := range []string{"a", "b"} {
					if r, ok := l.pending[name]; ok {
						signs = append(signs, sign{newObject("apps/v1", "Deployment", "", name, "", nil), r})
					}
				}
				var got []string
				for _, s := range p.hopeless(at(l.at), signs) {
					got = append(got, s.object.GetName())
				}
				if diff := cmp.Diff(l.want, got); diff != "" {
					t.Errorf("after %d s (-want +got):\n%s", l.at, diff)
				}
			}
		})
	}
}
