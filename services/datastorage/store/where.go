package store

import (
	"fmt"
	"strings"
)

// where gathers the conditions of a query and their arguments. Column names and operators are constants of this package;
// what a client sent is an argument, never text.
type where struct {
	conditions []string
	args       []any
}

// add requires "column operator value".
func (w *where) add(column, operator string, value any) {
	w.args = append(w.args, value)
	w.conditions = append(w.conditions, fmt.Sprintf("%s %s $%d", column, operator, len(w.args)))
}

// equal requires column = value, unless value is empty.
func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column, "=", value)
	}
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// page returns the LIMIT clause and all arguments. A limit of 0 means no limit.
func (w *where) page(limit, offset int) (string, []any) {
	if limit == 0 {
		return "", w.args
	}
	n := len(w.args)
	return fmt.Sprintf(" LIMIT $%d OFFSET $%d", n+1, n+2), append(append([]any(nil), w.args...), limit, offset)
}
