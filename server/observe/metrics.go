// Package observe shows operators what a server does: metrics for Prometheus, one line in the log for each request, and whether
// the server is well.
package observe

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics of one server. No name or value in them says anything about a scan, a place or a person.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	running  prometheus.Gauge
	answers  *prometheus.HistogramVec
}

// Gauge is a value that is looked up when it is asked for.
type Gauge struct {
	Name, Help string
	Value      func() float64
}

// NewMetrics are those of a server of this version, with further gauges.
func NewMetrics(version string, gauges ...Gauge) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "fentrace_http_request_seconds",
			Help: "Time to answer a request, by method, route and status.", Buckets: prometheus.ExponentialBuckets(0.001, 3, 10)},
			[]string{"method", "route", "status"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "fentrace_http_requests_running", Help: "Requests that are being answered, live streams included."}),
		answers: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "fentrace_answer_seconds",
			Help: "Time to answer a spectrum from the library, by verdict.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 12)}, []string{"verdict"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "fentrace_build_info", Help: "1, with the version of the program.",
		ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.running, m.answers, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, g := range gauges {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.Name, Help: g.Help}, g.Value))
	}
	return m
}

// Handler answers Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Answered notes that a spectrum was answered.
func (m *Metrics) Answered(verdict string, took time.Duration) {
	m.answers.WithLabelValues(verdict).Observe(took.Seconds())
}

// Middleware measures requests. Routes are patterns, so that their number is bounded and no id is in them.
func (m *Metrics) Middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		m.running.Inc()
		defer m.running.Dec()
		start := time.Now()
		err := next(c)
		if err != nil {
			c.Error(err) // writes the answer, so that its status is known
		}
		m.requests.WithLabelValues(method(c.Request().Method), Route(c), strconv.Itoa(c.Response().Status)).Observe(time.Since(start).Seconds())
		return nil
	}
}

// method is one that is known, so that callers cannot make up ever new ones.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// Route is the pattern that a request was routed by, "none" when there is no such route.
func Route(c echo.Context) string {
	if p := c.Path(); p != "" {
		return p
	}
	return "none"
}
