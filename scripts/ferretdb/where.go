package sqlite

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/FerretDB/FerretDB/internal/backends/sqlite/metadata"
	"github.com/FerretDB/FerretDB/internal/handler/sjson"
	"github.com/FerretDB/FerretDB/internal/types"
	"github.com/FerretDB/FerretDB/internal/util/must"
)

const mostValues = 1000 // of one question: SQLite takes 32,766

var (
	plainKey = regexp.MustCompile(`^[A-Za-z_]+$`)
	compared = map[string]string{"$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}
)

// prepareWhereClause lets SQLite find documents by FerretDB's own indexes, which it makes and does not use. What
// passes here is filtered again by the handler, so it may be more than the filter asks for; it is less where a filter
// for a string is meant to find it in an array, which DingRun has none of.
func prepareWhereClause(filter *types.Document) (string, []any) {
	terms, args := conjunction(filter)
	if terms == "" {
		return "", nil
	}
	return " WHERE " + terms, args
}

func conjunction(filter *types.Document) (string, []any) {
	if id, err := filter.Get("_id"); err == nil && filter.Len() > 1 {
		if term, args := condition("_id", id); term != "" { // SQLite would think any other index as good
			return term, args
		}
	}

	var terms []string
	var args []any
	for _, key := range filter.Keys() {
		term, given := condition(key, must.NotFail(filter.Get(key)))
		if term != "" {
			terms = append(terms, term)
			args = append(args, given...)
		}
	}
	return strings.Join(terms, " AND "), args
}

func condition(key string, value any) (string, []any) {
	if branches, ok := value.(*types.Array); ok && key == "$or" {
		return disjunction(branches)
	}
	if !plainKey.MatchString(key) {
		return "", nil
	}
	column := fmt.Sprintf("%s->%q", metadata.DefaultColumn, key)
	switch value := value.(type) {
	case string, types.ObjectID:
		return column + " = ?", []any{written(value)}
	case *types.Document:
		return operators(column, value)
	}
	return "", nil
}

func disjunction(branches *types.Array) (string, []any) {
	var terms []string
	var args []any
	for i := 0; i < branches.Len(); i++ {
		branch, ok := must.NotFail(branches.Get(i)).(*types.Document)
		if !ok {
			return "", nil
		}
		term, given := conjunction(branch)
		if term == "" {
			return "", nil
		}
		terms = append(terms, "("+term+")")
		args = append(args, given...)
	}
	return "(" + strings.Join(terms, " OR ") + ")", args
}

func operators(column string, given *types.Document) (string, []any) {
	var terms []string
	var args []any
	for _, name := range given.Keys() {
		switch value := must.NotFail(given.Get(name)).(type) {
		case *types.Array:
			if term, members := among(column, value); name == "$in" && term != "" {
				terms = append(terms, term)
				args = append(args, members...)
			}
		case time.Time: // milliseconds, of as many digits until the year 2286: as texts they stand in the same order
			if sign := compared[name]; sign != "" {
				terms = append(terms, column+" "+sign+" ?")
				args = append(args, written(value))
			}
		}
	}
	return strings.Join(terms, " AND "), args
}

func among(column string, values *types.Array) (string, []any) {
	if values.Len() > mostValues {
		return "", nil
	}
	args := make([]any, values.Len())
	for i := range args {
		value, ok := must.NotFail(values.Get(i)).(string)
		if !ok {
			return "", nil
		}
		args[i] = written(value)
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ")
	return fmt.Sprintf("%s IN (%s)", column, marks), args
}

func written(value any) string {
	return string(must.NotFail(sjson.MarshalSingleValue(value)))
}
