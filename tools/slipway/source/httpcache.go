package source

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"
)

const dialLimit = 10 * time.Second

// httpCache is Bazel's HTTP cache (https://bazel.build/remote/caching#http-caching): <endpoint>/cas/<SHA-256>. As in Bazel no
// proxy of the environment is used.
type httpCache struct {
	remote
	client *http.Client
}

func openHTTP(c Cache, at endpoint, config *tls.Config) *httpCache {
	transport := newTransport()
	transport.TLSClientConfig = config
	account := newAccount(c, at, at.String())
	client := &http.Client{Transport: transport}
	fetcher := &httpFetcher{client: client, account: account, address: func(hex string) string { return at.String() + "/cas/" + hex }}
	client.CheckRedirect = fetcher.redirected
	return &httpCache{remote: remote{fetcher: fetcher, endpoint: fmt.Sprintf("remote cache %q", at), timeout: c.Timeout}, client: client}
}

// Close implements io.Closer.
func (h *httpCache) Close() error {
	h.client.CloseIdleConnections()
	return nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: dialLimit}).DialContext,
		TLSHandshakeTimeout: dialLimit,
		DisableCompression:  true, // a digest is of the bytes as they are stored
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
	}
}
