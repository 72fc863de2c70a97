// promql evaluates queries over what a process showed at /metrics, as a Prometheus that scraped it would.
//
// On stdin: {"scrapes": [{"at": 0, "type": "text/plain; version=0.0.4", "text": "...", "labels": {"job": "x"}}],
// "queries": [{"expr": "rate(x_total[5m])", "at": 60}]}, times in seconds. A scrape that failed has no text: its series
// end there. On stdout one answer per query, in their order: {"type": "vector", "result": [{"metric": {}, "value": 1}]},
// or {"error": "..."}. NaN and infinities are texts.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/teststorage"
)

type scrape struct {
	At     float64           `json:"at"`
	Type   string            `json:"type"`
	Text   string            `json:"text"`
	Labels map[string]string `json:"labels"`
}

type query struct {
	Expr string  `json:"expr"`
	At   float64 `json:"at"`
}

type sample struct {
	Metric map[string]string `json:"metric"`
	Value  any               `json:"value"`
}

type answer struct {
	Type   string   `json:"type,omitempty"`
	Result []sample `json:"result"`
	Error  string   `json:"error,omitempty"`
}

func milliseconds(seconds float64) int64 { return int64(math.Round(seconds * 1000)) }

func load(storage *teststorage.TestStorage, scrapes []scrape) error {
	sort.SliceStable(scrapes, func(a, b int) bool { return scrapes[a].At < scrapes[b].At })
	alive := map[string]map[string]labels.Labels{}
	for _, one := range scrapes {
		target := labels.FromMap(one.Labels)
		seen := map[string]labels.Labels{}
		appender := storage.Appender(context.Background())
		up := labels.NewBuilder(target).Set("__name__", "up").Labels()
		reachable := 0.0
		if one.Text != "" {
			reachable = 1
			if err := read(one, func(series labels.Labels, number float64) error {
				seen[series.String()] = series
				_, err := appender.Append(0, series, milliseconds(one.At), number)
				return err
			}); err != nil {
				return err
			}
		}
		if _, err := appender.Append(0, up, milliseconds(one.At), reachable); err != nil {
			return err
		}
		for name, series := range alive[target.String()] {
			if _, still := seen[name]; !still {
				stale := math.Float64frombits(value.StaleNaN)
				if _, err := appender.Append(0, series, milliseconds(one.At), stale); err != nil {
					return err
				}
			}
		}
		alive[target.String()] = seen
		if err := appender.Commit(); err != nil {
			return err
		}
	}
	return nil
}

func read(one scrape, take func(labels.Labels, float64) error) error {
	kind := one.Type
	if kind == "" {
		kind = "text/plain; version=0.0.4"
	}
	page, err := textparse.New([]byte(one.Text), kind, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		return err
	}
	for {
		entry, err := page.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("scrape at %v: %w", one.At, err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var series labels.Labels
		page.Labels(&series)
		_, _, number := page.Series()
		builder := labels.NewBuilder(series)
		for name, value := range one.Labels {
			// As a scrape does with honor_labels: false.
			if had := series.Get(name); had != "" {
				builder.Set("exported_"+name, had)
			}
			builder.Set(name, value)
		}
		if err := take(builder.Labels(), number); err != nil {
			return err
		}
	}
}

func number(of float64) any {
	if math.IsNaN(of) || math.IsInf(of, 0) {
		return fmt.Sprint(of)
	}
	return of
}

func ask(engine *promql.Engine, storage *teststorage.TestStorage, one query) answer {
	at := time.UnixMilli(milliseconds(one.At))
	asked, err := engine.NewInstantQuery(context.Background(), storage, nil, one.Expr, at)
	if err != nil {
		return answer{Error: err.Error()}
	}
	defer asked.Close()
	result := asked.Exec(context.Background())
	if result.Err != nil {
		return answer{Error: result.Err.Error()}
	}
	told := answer{Type: string(result.Value.Type()), Result: []sample{}}
	switch found := result.Value.(type) {
	case promql.Vector:
		for _, each := range found {
			told.Result = append(told.Result, sample{each.Metric.Map(), number(each.F)})
		}
	case promql.Scalar:
		told.Result = append(told.Result, sample{map[string]string{}, number(found.V)})
	default:
		return answer{Error: fmt.Sprintf("a %s is nothing to alert on or to draw", result.Value.Type())}
	}
	return told
}

func run() error {
	var asked struct {
		Scrapes []scrape `json:"scrapes"`
		Queries []query  `json:"queries"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	storage, err := teststorage.NewWithError()
	if err != nil {
		return err
	}
	defer storage.Close()
	if err := load(storage, asked.Scrapes); err != nil {
		return err
	}
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples:           50_000_000,
		Timeout:              time.Minute,
		LookbackDelta:        5 * time.Minute,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		Parser:               parser.NewParser(parser.Options{}),
	})
	answers := make([]answer, 0, len(asked.Queries))
	for _, one := range asked.Queries {
		answers = append(answers, ask(engine, storage, one))
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
