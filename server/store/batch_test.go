package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"fentrace/server/tlp"
	"fentrace/spectra"
)

// jobs counts the jobs of a kind, of any state.
func jobs(t *testing.T, s *Store, kind string) (n int) {
	t.Helper()
	counts, err := s.JobCounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range counts[kind] {
		n += of
	}
	return n
}

func program(t *testing.T) context.Context { return ByProgram(t.Context(), "test") }

func newBatch(t *testing.T, s *Store) Batch {
	t.Helper()
	b, err := s.NewBatch(As(t.Context(), Principal{User: "ada", Role: "chemist", Agency: LocalAgency, Clearance: tlp.AmberStrict}), "batch", Fields{Case: "1"}, tlp.Green, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func some(from, n int) (out []File) {
	for i := range n {
		out = append(out, File{Name: fmt.Sprint(from + i), Raw: fmt.Appendf(nil, "file %d", from+i)})
	}
	return out
}

func add(t *testing.T, s *Store, id string, files []File) int {
	t.Helper()
	n, err := s.AddToBatch(program(t), id, "gather", "answers", files, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAJobIsStoredIfAndOnlyIfItsDataIs(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		refused := errors.New("refused")
		b := newBatch(t, s)
		insert := func(fail error) func(tx queries) error {
			return func(tx queries) error {
				if err := s.insertJob(t.Context(), tx, GatherJob{Batch: b.ID}, "gather"); err != nil {
					return err
				}
				return fail
			}
		}
		if err := s.write(t.Context(), insert(refused)); !errors.Is(err, refused) || jobs(t, s, "batch_gather") != 0 {
			t.Fatalf("%v, %d jobs", err, jobs(t, s, "batch_gather"))
		}
		// Also where others share the transaction.
		errs := make(chan error, 40)
		for i := range cap(errs) {
			go func() {
				fail := error(nil)
				if i%2 == 0 {
					fail = refused
				}
				errs <- s.write(t.Context(), insert(fail))
			}()
		}
		n := 0
		for range cap(errs) {
			if err := <-errs; err == nil {
				n++
			} else if !errors.Is(err, refused) {
				t.Error(err)
			}
		}
		if n != cap(errs)/2 || jobs(t, s, "batch_gather") != n {
			t.Errorf("%d were stored, %d jobs", n, jobs(t, s, "batch_gather"))
		}
		// Nothing of files whose batch is not there.
		if _, err := s.AddToBatch(program(t), "none", "gather", "answers", some(0, 40), time.Now()); !errors.Is(err, ErrNotFound) || jobs(t, s, "batch_chunk") != 0 {
			t.Errorf("%v, %d jobs", err, jobs(t, s, "batch_chunk"))
		}
	})
}

func TestEveryFileOfABatchBelongsToAJobOrIsGivenToOneSoon(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		b := newBatch(t, s)
		if n := add(t, s, b.ID, some(0, 2)); n != 2 || jobs(t, s, "batch_gather") != 1 || jobs(t, s, "batch_chunk") != 0 {
			t.Errorf("%d files: %d, %d jobs", n, jobs(t, s, "batch_gather"), jobs(t, s, "batch_chunk"))
		}
		if n := add(t, s, b.ID, some(0, 5)); n != 3 || jobs(t, s, "batch_gather") != 1 {
			t.Errorf("%d more files: %d jobs", n, jobs(t, s, "batch_gather"))
		}
		if n := add(t, s, b.ID, some(5, 2*ChunkFiles)); n != 2*ChunkFiles || jobs(t, s, "batch_chunk") != 2 || jobs(t, s, "batch_gather") != 1 {
			t.Errorf("%d more files: %d, %d jobs", n, jobs(t, s, "batch_gather"), jobs(t, s, "batch_chunk"))
		}
		for range 2 { // as when the job is done twice
			if err := s.Gather(t.Context(), b.ID, "answers"); err != nil || jobs(t, s, "batch_chunk") != 3 {
				t.Errorf("%v, %d jobs", err, jobs(t, s, "batch_chunk"))
			}
		}
		seen := map[int64]bool{}
		for chunk := range int64(3) {
			files, err := s.WaitingFiles(program(t), b.ID, chunk+1)
			if err != nil || chunk < 2 && len(files) != ChunkFiles {
				t.Errorf("%d files, %v", len(files), err)
			}
			for _, f := range files {
				seen[f.Seq] = true
			}
		}
		if len(seen) != 5+2*ChunkFiles {
			t.Errorf("%d files are given to jobs", len(seen))
		}
		if add(t, s, b.ID, some(1000, 1)); jobs(t, s, "batch_gather") != 2 {
			t.Error("nobody gives the last file to a job")
		}
	})
}

func TestABatchKeepsOnWhoseBehalfItIs(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		made := newBatch(t, s)
		b, err := s.Batch(ByProgram(t.Context(), "job"), made.ID, time.Now())
		if err != nil || b.Submitter.User != "ada" || b.Submitter.Agency != LocalAgency || b.Agency != LocalAgency || b.TLP != tlp.Green || b.Fields.Case != "1" || b.CreatedBy != "ada" {
			t.Errorf("%+v, %v", b, err)
		}
		if _, err := s.NewBatch(context.Background(), "batch", Fields{}, tlp.Green, time.Now()); err == nil {
			t.Error("a batch of nobody")
		}
	})
}

func TestABatchIsSeenAndAddedToByThoseWhoMay(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		b, err := s.NewBatch(As(t.Context(), Principal{User: "ada", Role: "chemist", Agency: LocalAgency, Clearance: tlp.AmberStrict}), "batch", Fields{}, tlp.AmberStrict, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		add(t, s, b.ID, some(0, 2))
		for name, who := range map[string]Principal{
			"too low":     {User: "bob", Role: "technician", Agency: LocalAgency, Clearance: tlp.Amber},
			"elsewhere":   {User: "eve", Role: "reviewer", Agency: "other", Clearance: tlp.Red},
			"not a clerk": {User: "root", Role: "administrator", Agency: LocalAgency, Clearance: tlp.Red},
		} {
			ctx := As(t.Context(), who)
			if _, err := s.Batch(ctx, b.ID, time.Now()); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s sees the batch: %v", name, err)
			}
			all, err := s.Batches(ctx, 10, time.Now())
			files, err2 := s.BatchFiles(ctx, b.ID, FilesQuery{Limit: 10})
			sums, err3 := s.BatchSums(ctx, b.ID, "", 10)
			marks, err4 := s.BatchMarks(ctx, 10)
			if err := errors.Join(err, err2, err3, err4); err != nil || len(all)+len(files)+len(sums)+len(marks) != 0 {
				t.Errorf("%s sees %v %v %v %v, %v", name, all, files, sums, marks, err)
			}
			if _, err := s.AddToBatch(ctx, b.ID, "gather", "answers", some(5, 1), time.Now()); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s adds to the batch: %v", name, err)
			}
			if err := s.CancelBatch(ctx, b.ID, time.Now()); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s cancels the batch: %v", name, err)
			}
			if _, err := s.RetryBatch(ctx, b.ID, "answers"); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s retries the batch: %v", name, err)
			}
		}
		if _, err := s.FileBytes(t.Context(), "x"); !errors.Is(err, ErrNobody) {
			t.Error(err)
		}
	})
}

func TestAFileOfABatchFailsOnceHoweverOftenItIsSaid(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		b := newBatch(t, s)
		add(t, s, b.ID, some(0, 3))
		files, err := s.BatchFiles(program(t), b.ID, FilesQuery{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		before, _ := leaves(t, s)
		for _, why := range []string{"its own fault", "the program that did it ended"} {
			if err := s.FailFile(program(t), BatchPart{b.ID, files[1].Seq}, why, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		after, _ := leaves(t, s)
		failed, err := s.BatchFiles(program(t), b.ID, FilesQuery{State: FileFailed, Limit: 10})
		if err != nil || len(failed) != 1 || failed[0].Error != "its own fault" || len(after) != len(before)+1 {
			t.Errorf("%+v, %d entries more, %v", failed, len(after)-len(before), err)
		}
	})
}

func TestAFileOfABatchThatIsNotAnsweredNeedsNoScan(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		cancelled, waits := newBatch(t, s), newBatch(t, s)
		add(t, s, cancelled.ID, some(0, 2))
		add(t, s, waits.ID, some(2, 1))
		files, err := s.BatchFiles(program(t), cancelled.ID, FilesQuery{Limit: 1})
		if err == nil {
			err = s.FailFile(program(t), BatchPart{cancelled.ID, files[0].Seq}, "no spectrum", time.Now())
		}
		if err == nil {
			err = s.CancelBatch(program(t), cancelled.ID, time.Now())
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, faults := verified(t, s, VerifyOptions{}); len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
		unguarded(t, s)("UPDATE batch_files SET state = ? WHERE batch = ?", FileDone, waits.ID)
		_, faults := verified(t, s, VerifyOptions{})
		wantFault(t, faults, "file", spectra.HashBytes([]byte("file 2")), "no scan belongs to it")
	})
}

func TestJobsThatWaitForATimeFarAheadAreTakenNow(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		b := newBatch(t, s)
		add(t, s, b.ID, some(0, ChunkFiles+1))
		const far = 11 * time.Minute
		mend := func() int {
			off, err := s.JobTimesOff(t.Context(), far)
			n := 0
			if err == nil && off {
				n, err = s.MendJobTimes(t.Context(), far)
			}
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		exec := unguarded(t, s)
		lead := "INSERT INTO river_leader (leader_id, elected_at, expires_at) VALUES ('gone', ?, ?)"
		at := func(ahead time.Duration) any {
			then := time.Now().UTC().Add(ahead)
			if s.queue.listen == nil {
				return then.Format("2006-01-02 15:04:05.000")
			}
			return then
		}
		exec("UPDATE river_job SET scheduled_at = ?", at(10*time.Minute)) // as long as one that has failed often waits
		exec(lead, at(0), at(10*time.Second))
		if n := mend(); n != 0 {
			t.Errorf("%d jobs were put right that wait as they should", n)
		}
		exec("UPDATE river_job SET scheduled_at = ?, state = 'retryable'", at(365*24*time.Hour))
		exec("UPDATE river_leader SET expires_at = ?", at(365*24*time.Hour))
		if n := mend(); n != 2 {
			t.Errorf("%d jobs were put right, not 2", n)
		}
		var leaders, due int
		if err := s.r.QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM river_leader), (SELECT count(*) FROM river_job WHERE scheduled_at <= ?)", at(time.Second)).Scan(&leaders, &due); err != nil || leaders != 0 || due != 2 {
			t.Errorf("%d lead, %d jobs are due, %v", leaders, due, err)
		}
		if n := mend(); n != 0 {
			t.Errorf("%d jobs were put right again", n)
		}
	})
}
