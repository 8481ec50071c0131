package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"fentrace/server/observe"
)

// newMetrics are those of this server. What they look up must not fail: an unknown value is -1.
func (s *Server) newMetrics() *observe.Metrics {
	value := func(of func(context.Context) (int, error)) func() float64 {
		return func() float64 {
			n, err := of(s.background)
			if err != nil {
				return -1
			}
			return float64(n)
		}
	}
	return observe.NewMetrics(s.cfg.Version,
		observe.Gauge{Name: "fentrace_scans_stored", Help: "Scans in the database; -1 when it does not answer.", Value: value(s.store.Count)},
		observe.Gauge{Name: "fentrace_queue_waiting", Help: "Files that wait to be sent to another server; -1 when the database does not answer.",
			Value: value(func(ctx context.Context) (int, error) {
				q, err := s.Queue(ctx)
				return q.Waiting, err
			})},
		observe.Gauge{Name: "fentrace_library_references", Help: "References that scans are answered with.",
			Value: func() float64 { return float64(s.Library().References) }},
	)
}

// checks say whether the server is of use.
func (s *Server) checks() []observe.Check {
	return []observe.Check{
		{Name: "serving", Do: func(context.Context) error {
			select {
			case <-s.ending:
				return errors.New("the server is ending")
			default:
				return nil
			}
		}},
		{Name: "database", Do: s.store.Ping},
	}
}

// startMetrics answers Prometheus on its own address.
func (s *Server) startMetrics() error {
	if s.cfg.MetricsListen == "" {
		return nil
	}
	l, err := net.Listen("tcp", s.cfg.MetricsListen)
	if err != nil {
		return fmt.Errorf("listen on %s for metrics: %w (choose another address)", s.cfg.MetricsListen, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics.Handler())
	s.scraped = s.newHTTP(mux)
	s.works.Go(func() {
		if err := s.scraped.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Logger.Error("metrics are not served any more", slog.Any("error", err))
		}
	})
	return nil
}
