package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// client speaks the engine's HTTP API, so that a warm call starts no program.
// https://docs.docker.com/reference/api/engine/
type client struct {
	http   *http.Client
	base   string
	socket string // "" for tcp
	local  bool   // the engine's packets pass this machine's filter
}

// newClient reads a DOCKER_HOST value; "" is the default socket.
func newClient(host string) (*client, error) {
	if host == "" {
		host = "unix://" + defaultSocket
	}
	scheme, address, ok := strings.Cut(host, "://")
	if !ok || address == "" || (scheme != "unix" && scheme != "tcp") {
		return nil, fmt.Errorf("reading DOCKER_HOST %q: must be unix:///path or tcp://host:port", host)
	}
	c := &client{base: "http://engine", local: true}
	network := "unix"
	if scheme == "tcp" {
		network, address = "tcp", strings.TrimSuffix(address, "/")
		c.base, c.local = "http://"+address, loopback(address)
	} else {
		c.socket = address
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	c.http = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		},
	}}
	return c, nil
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *client) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := c.do(ctx, http.MethodGet, "/_ping", nil, nil)
	return err
}

// do sends body as JSON and decodes the answer into out; both may be nil. The
// status is 0 when there was no answer; one of 400 and more is an error.
func (c *client) do(ctx context.Context, method, path string, body, out any) (int, error) {
	var data bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&data).Encode(body); err != nil {
			return 0, fmt.Errorf("encoding the request %s %s: %w", method, path, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, &data)
	if err != nil {
		return 0, fmt.Errorf("making the request %s %s: %w", method, path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, fmt.Errorf("asking the container engine: %w", err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, decode(resp, method+" "+path, out)
}

func decode(resp *http.Response, request string, out any) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("reading the container engine's answer to %s: %w", request, err)
	}
	if resp.StatusCode >= 400 {
		return fmt.Errorf("asking the container engine %s: %s: %s", request, resp.Status, strings.TrimSpace(string(data)))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("decoding the container engine's answer to %s: %w", request, err)
	}
	return nil
}

// clusterLabel is on every container that kind makes; its value is the cluster's name.
const clusterLabel = "io.x-k8s.kind.cluster"

type container struct {
	ID     string `json:"Id"`
	Labels map[string]string
}

// clusterNodes lists the containers of kind clusters, stopped ones too.
func (c *client) clusterNodes(ctx context.Context) ([]container, error) {
	filters := url.QueryEscape(`{"label":["` + clusterLabel + `"]}`)
	var list []container
	_, err := c.do(ctx, http.MethodGet, "/containers/json?all=1&filters="+filters, nil, &list)
	return list, err
}

// remove kills a container and deletes it with its anonymous volumes.
func (c *client) remove(ctx context.Context, id string) error {
	_, err := c.do(ctx, http.MethodDelete, "/containers/"+id+"?force=1&v=1", nil, nil)
	return err
}
