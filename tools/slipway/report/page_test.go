package report_test

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// browserTimeout bounds one page on a busy machine.
const browserTimeout = 90 * time.Second

// browser is a running Chromium. Where none can be had the test is skipped with a loud reason; with REQUIRE_CHROMIUM=1 it fails
// instead.
func browser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-headless-shell", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		const text = "chromium is not on PATH"
		if os.Getenv("REQUIRE_CHROMIUM") == "1" {
			t.Fatalf("Chromium is required here and cannot be had: %s", text)
		}
		t.Skipf("THE PAGE IS NOT TESTED ON THIS MACHINE: %s. Install the Debian package chromium to test it", text)
	}
	flags := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(browserTimeout)}
	// Without these Chromium asks for hosts of its maker; --no-sandbox because root may have no other.
	for _, flag := range []string{"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars"} {
		flags = append(flags, chromedp.Flag(flag, true))
	}
	allocator, stop := chromedp.NewExecAllocator(t.Context(), flags...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return ctx
}

// faults lists what is wrong with the layout of the page, as a reader would see it.
const faults = `(() => {
  const found = [], wide = document.documentElement.clientWidth;
  const visible = e => e.getClientRects().length > 0 && !e.closest('thead') ;
  const name = e => e.tagName + '.' + (e.getAttribute('class') || '') + ' "' + (e.textContent || '').trim().slice(0, 40) + '"';
  if (document.documentElement.scrollWidth > wide) found.push('the page scrolls sideways: ' + document.documentElement.scrollWidth + ' > ' + wide);
  for (const e of document.body.querySelectorAll('*')) {
    if (!visible(e) || e.tagName === 'title' || e.tagName === 'desc') continue;
    const r = e.getBoundingClientRect();
    if (r.left < -0.5 || r.right > wide + 0.5) found.push('outside of the window: ' + name(e) + ' ' + r.left + ' to ' + r.right);
    if (!e.closest('svg') && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display !== 'inline') found.push('cut: ' + name(e));
  }
  const charts = [...document.querySelectorAll('figure > svg')].filter(visible);
  if (charts.length !== document.querySelectorAll('article').length) found.push(charts.length + ' charts are shown');
  for (const svg of charts) {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')];
    for (const e of svg.querySelectorAll('text, rect, polyline, polygon, circle, line')) {
      const r = e.getBoundingClientRect();
      if (r.left < frame.left - 1 || r.right > frame.right + 1 || r.top < frame.top - 1 || r.bottom > frame.bottom + 1) found.push('outside of the chart: ' + name(e));
    }
    for (const e of texts) {
      if (e.getBoundingClientRect().height < 9) found.push('too small: ' + name(e));
      for (const f of texts) {
        const a = e.getBoundingClientRect(), b = f.getBoundingClientRect();
        if (e !== f && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4) found.push('overlap: ' + name(e) + ' and ' + name(f));
      }
    }
    if (!svg.querySelector('title') || !svg.querySelector('desc').textContent) found.push('a chart has no description');
  }
  return found;
})()`

// noises collects what the browser complains about and what it asks for.
type noises struct {
	mu   sync.Mutex
	list []string
}

func (n *noises) listen(event any) {
	text := ""
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		text = fmt.Sprintf("console: %s", e.Type)
	case *runtime.EventExceptionThrown:
		text = "exception: " + e.ExceptionDetails.Text
	case *log.EventEntryAdded:
		text = "log: " + e.Entry.Text
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme != "file" && u.Scheme != "data" {
			text = "request: " + e.Request.URL
		}
	}
	if text != "" {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.list = append(n.list, text)
	}
}

func (n *noises) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.list
}

// view is a way to look at the page.
type view struct {
	name          string
	width, height int64
	dark, print   bool
}

func TestPageInABrowser(t *testing.T) {
	ctx := browser(t)
	hostile := measured()
	hostile.Suite = `//test/e2e:<script>alert(1)</script>` + strings.Repeat("x", 120)
	hostile.Error = `"'><img src=x onerror=alert(2)>` + strings.Repeat("y", 300)
	pages := map[string][]report.Report{"measured": {measured()}, "passed": {passed()}, "failed": {failed()}, "several": {several(), measured(), long()}, "hostile": {hostile}}
	for name, reports := range pages {
		var b bytes.Buffer
		if err := report.Page(&b, reports...); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name+".html")
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, v := range []view{
			{"wide", 1280, 900, false, false}, {"dark", 1280, 900, true, false}, {"phone", 360, 740, false, false},
			{"dark-phone", 360, 740, true, false}, {"tablet", 768, 1024, false, false}, {"print", 688, 990, true, true},
		} {
			t.Run(name+"/"+v.name, func(t *testing.T) { look(t, ctx, "file://"+file, v, name+"-"+v.name) })
		}
	}
}

func look(t *testing.T, ctx context.Context, address string, v view, name string) {
	tab, cancel := chromedp.NewContext(ctx)
	defer cancel()
	tab, stop := context.WithTimeout(tab, browserTimeout)
	defer stop()
	heard := &noises{}
	if err := chromedp.Listen(tab, heard.listen); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := chromedp.Call(tab, network.Enable, network.EnableParams{})
	must(err)
	_, err = chromedp.Call(tab, log.Enable, cdp.Empty{})
	must(err)
	_, err = chromedp.Call(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: v.width, Height: v.height, DeviceScaleFactor: 1, Mobile: v.width < 500})
	must(err)
	_, err = chromedp.Call(tab, emulation.SetEmulatedMedia, v.media())
	must(err)
	must(chromedp.Do(tab, chromedp.Navigate(address)))
	wrong, err := chromedp.Run(tab, chromedp.Evaluate[[]string](faults))
	must(err)
	picture, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	must(err)
	keep(t, name+".png", picture)
	if v.print {
		yes := true
		pdf, err := chromedp.Call(tab, page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: &yes, PrintBackground: &yes})
		must(err)
		if !bytes.HasPrefix(pdf.Data, []byte("%PDF-")) {
			t.Errorf("printing gave %d bytes that are no PDF", len(pdf.Data))
		}
		keep(t, name+".pdf", pdf.Data)
	}
	for _, w := range append(wrong, heard.take()...) {
		t.Error(w)
	}
}

func (v view) media() emulation.SetEmulatedMediaParams {
	scheme, media := "light", ""
	if v.dark {
		scheme = "dark"
	}
	if v.print {
		media = "print"
	}
	return emulation.SetEmulatedMediaParams{Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
}

// keep leaves a file where `bazel test` collects outputs; nowhere without that.
func keep(t *testing.T, name string, data []byte) {
	t.Helper()
	if dir := os.Getenv("TEST_UNDECLARED_OUTPUTS_DIR"); dir != "" && len(data) > 0 {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// long is a run of many suites on a slow machine, with a set-up of minutes, as a busy CI job shows it.
func long() report.Report {
	l := report.NewLedger(clock())
	peak := int64(0)
	l.Before([]report.Phase{
		{Name: "set-up", Start: -700, Seconds: 640, State: report.Done, Disk: &report.Use{StartBytes: -3_100_000_000, PeakBytes: &peak}},
		{Name: "build", Start: -60, Seconds: 60, State: report.Done},
	}, []report.Sample{{At: -700, DiskBytes: -3_100_000_000}, {At: -300, DiskBytes: -900_000_000}, {At: -60}})
	disk := int64(0)
	l.Watch(report.Watching{Since: "build", Budget: 2_000_000_000, Look: func() report.Sample {
		disk += 37_000_000
		return report.Sample{DiskBytes: disk}
	}})
	l.Begin("cluster")(report.Moved{}, "created", nil)
	l.Begin("push")(report.Moved{Requests: 120, BytesIn: 120_000, BytesOut: 240_000_000, LayerBytes: 239_000_000}, "32 blobs sent", nil)
	l.Set(func(r *report.Report) { r.Suite, r.Destination = "//test/e2e:all", "registry" })
	for i := range 10 {
		name := fmt.Sprintf("suite-%d", i)
		deploy := l.BeginSuite(name, "deploy")
		for range 10 {
			l.See(report.Sample{DiskBytes: disk + int64(i)*30_000_000})
		}
		deploy(report.Moved{}, "", nil)
		l.BeginSuite(name, "test")(report.Moved{}, "", nil)
		l.Set(func(r *report.Report) {
			r.Suites = append(r.Suites, report.Suite{Suite: "//test/e2e:" + name, Name: name, State: report.Passed, DeploySeconds: 20, TestSeconds: 10, Tests: &report.Tests{Passed: 12}})
		})
	}
	l.Begin("release")(report.Moved{}, "", nil)
	return l.Finish(0, nil)
}
