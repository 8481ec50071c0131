package analogs

import (
	"errors"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"fentrace/library/search"
)

const (
	peerLow, peerPoints = 360, 1530
	peerScans           = 6 // of each substance, every third alone, the others in cuts
	peerRidge           = 3.
)

// peer is ridge regression of the class on first derivatives at unit length, one set of weights for each substance
// that is left out.
type peer struct {
	mean    float64
	weights [][]float64
}

// fitPeer fits on scans of the computed substances like those it is judged on, others of the same kinds.
func fitPeer(computed, cuts []substance) (*peer, error) {
	n := len(computed) * peerScans
	rows, y := mat.NewDense(n, peerPoints, nil), mat.NewVecDense(n, nil)
	mean := 0.0
	for i, s := range computed {
		for k := range peerScans {
			at := condition{share: []float64{1, 0.5, 0.25}[k%3]}
			v, err := s.draw(at, cuts, trainingSeeds+uint64(i*peerScans+k))
			if err != nil {
				return nil, err
			}
			rows.SetRow(i*peerScans+k, peerFeatures(v))
			y.SetVec(i*peerScans+k, class(s))
			mean += class(s) / float64(n)
		}
	}
	for i := range n {
		y.SetVec(i, y.AtVec(i)-mean)
	}
	k := mat.NewSymDense(n, nil)
	k.SymOuterK(1, rows)
	for i := range n {
		k.SetSym(i, i, k.At(i, i)+peerRidge)
	}
	var chol mat.Cholesky
	if !chol.Factorize(k) {
		return nil, errors.New("the peer's ridge regression is singular")
	}
	if err := chol.InverseTo(k); err != nil {
		return nil, err
	}
	return leaveEachOut(computed, rows, k, y, mean)
}

// leaveEachOut returns the weights without each substance: leaving the rows S out of a ridge regression with the dual
// weights a and the inverse A takes A[:,S] A[S,S]^-1 a[S] off a.
func leaveEachOut(computed []substance, rows *mat.Dense, inverse *mat.SymDense, y *mat.VecDense, mean float64) (*peer, error) {
	n, _ := rows.Dims()
	a := mat.NewVecDense(n, nil)
	a.MulVec(inverse, y)
	p := &peer{mean: mean, weights: make([][]float64, len(computed))}
	whole := mat.DenseCopyOf(inverse)
	for i := range computed {
		from, to := i*peerScans, (i+1)*peerScans
		var part, change, w mat.VecDense
		if err := part.SolveVec(inverse.SliceSym(from, to), a.SliceVec(from, to)); err != nil {
			return nil, err
		}
		columns := whole.Slice(0, n, from, to)
		change.MulVec(columns, &part)
		change.SubVec(a, &change)
		w.MulVec(rows.T(), &change)
		p.weights[i] = w.RawVector().Data
	}
	return p, nil
}

// score of a scan by the weights that do not know substance i.
func (p *peer) score(v search.Vector, i int) float64 {
	return p.mean + floats.Dot(p.weights[i], peerFeatures(v))
}

func peerFeatures(v search.Vector) []float64 {
	d := v.At(peerLow, peerPoints, 0)
	floats.Scale(1/floats.Norm(d, 2), d)
	return d
}

func class(s substance) float64 {
	if s.fentanyl {
		return 1
	}
	return -1
}
