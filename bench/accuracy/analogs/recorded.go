package analogs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"fentrace/bench/dataset"
	"fentrace/bench/report"
	"fentrace/library/analog"
	"fentrace/library/search"
	"fentrace/spectra/format"
)

// recorded counts alarms over recorded scans of things that are no fentanyls, most of which the model has no reference
// of: liquids and powders on five spectrometers, and everyday objects. Its fentanyls being computed, an alarm would
// be chance; a product never uses such a model on a recorded scan.
func (b *bench) recorded(ctx context.Context, root string) (report.Result, error) {
	model, err := b.fit(ctx, nil, 0)
	if err != nil {
		return report.Result{}, err
	}
	cross, err := dataset.CrossInstrument(root)
	if err != nil {
		return report.Result{}, err
	}
	everyday, err := dataset.EverydayRaman(root)
	if err != nil {
		return report.Result{}, err
	}
	scored, alarms := 0, 0
	for _, q := range append(cross, everyday...) {
		score, err := scoreFile(model, q.Path)
		if errors.Is(err, analog.ErrScan) || errors.Is(err, search.ErrNotSearchable) {
			continue // too short a range
		}
		if err != nil {
			return report.Result{}, err
		}
		scored++
		if score.Alarm {
			alarms++
			fmt.Printf("alarm on a recorded scan that is no fentanyl: %s in %s, score %.2f\n", q.Sample, filepath.Base(filepath.Dir(q.Path)), score.Value)
		}
	}
	r := report.Share("alarms of a model with SIMULATED fentanyls over recorded scans of other things", alarms, scored, "", 0, command)
	return report.AsDetail(r)[0], nil
}

func scoreFile(model *analog.Model, path string) (analog.Score, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return analog.Score{}, err
	}
	list, err := format.Read(path, raw)
	if err != nil {
		return analog.Score{}, err
	}
	v, err := search.Prepare(list[0])
	if err != nil {
		return analog.Score{}, err
	}
	return model.Score(v)
}
