// Package audit sends audit events to datastorage without ever holding up the caller.
//
// Record puts an event into a bounded buffer and returns. A background loop sends batches: when a batch is full, or
// when the interval has passed. The client fails open: when datastorage is down or refuses the token, events stay in the
// buffer for the next try, and the service goes on. Only when the buffer is full, when datastorage refuses an event as
// invalid, or when Close runs out of time, are events dropped; each drop is counted by a metric and logged.
//
// A repeated delivery is harmless because every event carries its id.
//
// Not a goal: delivery across a restart of the process. The buffer is in memory.
package audit

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubernaut/kubernaut/services/internal/bearer"
)

// Config says where and how events are sent.
type Config struct {
	// URL is datastorage's base URL, for instance names.ServiceURL(names.DataStorageService). Required.
	URL string
	// TokenFile holds the bearer token; empty means bearer.DefaultTokenFile. While it cannot be read, events wait.
	TokenFile string
	// Capacity is the number of events that may wait; 0 means 10 000.
	Capacity int
	// BatchSize is the number of events in one request; 0 means 50.
	BatchSize int
	// Interval is the longest time that an event waits for its batch to fill; 0 means 5 s.
	Interval time.Duration
	// Timeout bounds one request; 0 means 10 s.
	Timeout time.Duration
	// Logger is told about drops and about failed deliveries; nil means slog.Default().
	Logger *slog.Logger
	// Registerer receives the metrics; nil means that they are kept unregistered.
	Registerer prometheus.Registerer
}

// Recorder takes events, in any number of goroutines, and never blocks. *Client is the one of every service.
type Recorder interface {
	Record(events ...Event)
}

// Client is safe for concurrent use.
type Client struct {
	cfg     Config
	http    *http.Client
	metrics *metrics

	mu     sync.Mutex
	buffer []Event
	closed bool

	// flushing serialises deliveries, so that events leave in their order.
	flushing sync.Mutex
	full     chan struct{}
	stop     chan struct{}
	done     chan struct{}
}

// New checks cfg and starts the background loop. Close ends it.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.URL)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, fmt.Errorf("datastorage URL must be http(s)://host[:port], got %q", cfg.URL)
	}
	cfg = cfg.withDefaults()
	cfg.URL = base.JoinPath("/api/v1/audit/events").String()
	c := &Client{
		cfg:     cfg,
		http:    &http.Client{Timeout: cfg.Timeout, Transport: bearer.Transport{TokenFile: cfg.TokenFile}},
		metrics: newMetrics(cfg.Registerer),
		full:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	go c.loop()
	return c, nil
}

func (cfg Config) withDefaults() Config {
	if cfg.Capacity <= 0 {
		cfg.Capacity = 10_000
	}
	if cfg.BatchSize <= 0 {
		cfg.BatchSize = 50
	}
	if cfg.Interval <= 0 {
		cfg.Interval = 5 * time.Second
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return cfg
}

// Record takes events for delivery. It never blocks on the network. Events that find the buffer full, or the client
// closed, are dropped and counted. An event without an id gets one.
func (c *Client) Record(events ...Event) {
	c.mu.Lock()
	closed, room := c.closed, c.cfg.Capacity-len(c.buffer)
	if closed {
		room = 0
	}
	taken := events[:min(room, len(events))]
	for _, event := range taken {
		if event.ID == "" {
			event.ID = uuid.NewString()
		}
		c.buffer = append(c.buffer, event)
	}
	waiting := len(c.buffer)
	c.metrics.buffered.Set(float64(waiting))
	c.mu.Unlock()

	if waiting >= c.cfg.BatchSize {
		c.wake()
	}
	if dropped := events[len(taken):]; len(dropped) > 0 {
		reason := dropBufferFull
		if closed {
			reason = dropClosed
		}
		c.drop(dropped, reason, "")
	}
}

// Close sends what waits, until ctx ends, and stops the loop. Events that could not be sent are dropped, counted and
// named in the error. A second call does nothing.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()

	close(c.stop)
	<-c.done
	err := c.Flush(ctx)
	left := c.take(c.cfg.Capacity)
	if len(left) == 0 {
		return nil
	}
	c.drop(left, dropClosed, "")
	return fmt.Errorf("closing audit client with %d undelivered events: %w", len(left), err)
}

// Flush sends all events that wait now. On error the unsent events stay in the buffer.
func (c *Client) Flush(ctx context.Context) error {
	c.flushing.Lock()
	defer c.flushing.Unlock()
	for {
		batch := c.peek(c.cfg.BatchSize)
		if len(batch) == 0 {
			return nil
		}
		if err := c.deliver(ctx, batch); err != nil {
			c.metrics.failures.Inc()
			return err
		}
		c.take(len(batch))
	}
}

func (c *Client) loop() {
	defer close(c.done)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-c.stop; cancel() }()
	ticker := time.NewTicker(c.cfg.Interval)
	defer ticker.Stop()
	failed := false
	for {
		// After a failure a full batch is no reason to try at once: the ticker paces the retries.
		full := c.full
		if failed {
			full = nil
		}
		select {
		case <-c.stop:
			return
		case <-ticker.C:
		case <-full:
		}
		err := c.Flush(ctx)
		failed = err != nil
		if failed && ctx.Err() == nil {
			c.cfg.Logger.Warn("audit events wait", "error", err.Error(), "waiting", c.waiting())
		}
	}
}

func (c *Client) wake() {
	select {
	case c.full <- struct{}{}:
	default:
	}
}

func (c *Client) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.buffer)
}

func (c *Client) peek(n int) []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Event(nil), c.buffer[:min(n, len(c.buffer))]...)
}

// take removes the n oldest events. Only the holder of flushing, or Close after the loop has ended, calls it.
func (c *Client) take(n int) []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = min(n, len(c.buffer))
	taken := append([]Event(nil), c.buffer[:n]...)
	c.buffer = append(c.buffer[:0], c.buffer[n:]...)
	c.metrics.buffered.Set(float64(len(c.buffer)))
	return taken
}
