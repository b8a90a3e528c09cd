package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// parameter is one of a challenge's: realm="https://…".
var parameter = regexp.MustCompile(`([a-zA-Z_]+)="([^"]*)"`)

// authorization answers a WWW-Authenticate challenge with the value of an Authorization header. Empty means that there
// is nothing to answer with.
func (c *Client) authorization(ctx context.Context, challenge string) (string, error) {
	scheme, rest, _ := strings.Cut(challenge, " ")
	switch strings.ToLower(scheme) {
	case "basic":
		if c.Credentials.Username == "" {
			return "", nil
		}
		request := http.Request{Header: http.Header{}}
		request.SetBasicAuth(c.Credentials.Username, c.Credentials.Password)
		return request.Header.Get("Authorization"), nil
	case "bearer":
		values := map[string]string{}
		for _, match := range parameter.FindAllStringSubmatch(rest, -1) {
			values[strings.ToLower(match[1])] = match[2]
		}
		token, err := c.token(ctx, values["realm"], values["service"])
		if err != nil {
			return "", fmt.Errorf("asking for a token: %w", err)
		}
		return "Bearer " + token, nil
	}
	return "", nil
}

// token asks for one token that is good for the whole push
// (https://distribution.github.io/distribution/spec/auth/token/).
func (c *Client) token(ctx context.Context, realm, service string) (string, error) {
	address, err := url.Parse(realm)
	if err != nil || address.Host == "" {
		return "", fmt.Errorf("malformed realm %q", realm)
	}
	request, err := c.tokenRequest(ctx, address, url.Values{
		"service": {service},
		"scope":   {"repository:" + c.Repository.Name + ":push,pull"},
	})
	if err != nil {
		return "", err
	}
	response, err := c.roundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", statusError(response)
	}
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&answer); err != nil {
		return "", errors.New("malformed answer")
	}
	if answer.Token == "" {
		answer.Token = answer.AccessToken
	}
	return answer.Token, nil
}

func (c *Client) tokenRequest(ctx context.Context, address *url.URL, query url.Values) (*http.Request, error) {
	if token := c.Credentials.IdentityToken; token != "" {
		query.Set("grant_type", "refresh_token")
		query.Set("refresh_token", token)
		query.Set("client_id", "rules_oci")
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), strings.NewReader(query.Encode()))
		if err == nil {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return request, err
	}
	for key, values := range address.Query() {
		query[key] = append(query[key], values...)
	}
	address.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err == nil && c.Credentials.Username != "" {
		request.SetBasicAuth(c.Credentials.Username, c.Credentials.Password)
	}
	return request, err
}
