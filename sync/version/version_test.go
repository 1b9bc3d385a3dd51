package version_test

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"xylem/sync/version"
)

func anyVersion() *rapid.Generator[version.Version] {
	return rapid.Custom(func(t *rapid.T) version.Version {
		return version.Version{Epoch: rapid.Uint64().Draw(t, "epoch"), Seq: rapid.Uint64().Draw(t, "seq")}
	})
}

func TestAVersionReadsBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyVersion().Draw(t, "version")
		parsed, err := version.Parse(v.String())
		if err != nil || parsed != v {
			t.Fatalf("Parse(%q) = %v, %v", v.String(), parsed, err)
		}
		var decoded version.Version
		encoded, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(encoded, &decoded)
		}
		if err != nil || decoded != v {
			t.Fatalf("%s became %v, %v", encoded, decoded, err)
		}
	})
	widest := version.Version{Epoch: math.MaxUint64, Seq: math.MaxUint64}
	if got := widest.String(); got != "18446744073709551615.18446744073709551615" {
		t.Errorf("the widest version is written %s", got)
	}
}

func TestWhatIsNoVersionIsRefused(t *testing.T) {
	for _, text := range []string{
		"", ".", "1", "1.", ".1", "1.2.3", "-1.2", "1.-2", "+1.2", "1,2", " 1.2", "1.2 ", "1.2\n", "0x1.2", "1_0.2",
		"1e3.2", "18446744073709551616.1", "1.18446744073709551616", "a.b", "１.２", "1.2\x00",
	} {
		if v, err := version.Parse(text); !errors.Is(err, version.ErrSyntax) {
			t.Errorf("Parse(%q) = %v, %v", text, v, err)
		}
		kept := version.Version{Epoch: 7, Seq: 7}
		if err := kept.UnmarshalText([]byte(text)); !errors.Is(err, version.ErrSyntax) || kept.Epoch != 7 || kept.Seq != 7 {
			t.Errorf("UnmarshalText(%q) left %v, %v", text, kept, err)
		}
	}
}

func TestVersionsAreOrderedByEpochThenSeq(t *testing.T) {
	ascending := []version.Version{{}, {Epoch: 1, Seq: 1}, {Epoch: 1, Seq: 2}, {Epoch: 1, Seq: 900}, {Epoch: 2, Seq: 3}, {Epoch: 10, Seq: 1}}
	for i, a := range ascending {
		for j, b := range ascending {
			want := 0
			switch {
			case i < j:
				want = -1
			case i > j:
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%v compared with %v is %d, want %d", a, b, got, want)
			}
			if a.Before(b) != (i < j) {
				t.Errorf("%v before %v is %v", a, b, a.Before(b))
			}
			if got := version.Max(a, b); got != ascending[max(i, j)] {
				t.Errorf("the later of %v and %v is %v", a, b, got)
			}
		}
	}
}

func TestWritingAVersionIntoABufferAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 64)
	v := version.Version{Epoch: math.MaxUint64, Seq: 1042}
	if n := testing.AllocsPerRun(100, func() { buf = v.Append(buf[:0]) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("3.1042")
	f.Add("003.1")
	f.Add("1.2.3")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := version.Parse(text)
		if err != nil {
			if !errors.Is(err, version.ErrSyntax) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if again, err := version.Parse(v.String()); err != nil || again != v {
			t.Fatalf("%q is %v, which reads back as %v, %v", text, v, again, err)
		}
	})
}
