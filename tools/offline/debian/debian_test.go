package debian

import "testing"

func TestFirstLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		"\n  \n":               "",
		"http://b/\nhttp://a/": "http://a/",
		"http://a/debian\n":    "http://a/debian",
	} {
		if got := firstLine([]byte(in)); got != want {
			t.Errorf("firstLine(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSource(t *testing.T) {
	want := "deb [check-valid-until=no signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian forky main"
	if got := Source("http://mirror.example/debian", "forky"); got != want {
		t.Errorf("Source = %q, want %q", got, want)
	}
}
