package doctor

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Table writes the report for a person. Checks that say the same about several subjects are one row, with the first one's hints.
func (r Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "check\tstate\tabout\tfinding")
	for _, row := range r.rows() {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", row.Name, row.State, row.about(), row.Finding)
		for _, hint := range row.Hints {
			fmt.Fprintf(t, "\t\t\t  %s\n", hint)
		}
	}
	return t.Flush()
}

// row is a check of several subjects.
type row struct {
	Check
	subjects []string
}

func (r Report) rows() []row {
	var rows []row
	index := map[[3]string]int{}
	for _, c := range r.Checks {
		key := [3]string{c.Name, string(c.State), strings.ReplaceAll(c.Finding, c.Subject, "")}
		if i, ok := index[key]; ok && c.Subject != "" {
			rows[i].subjects = append(rows[i].subjects, c.Subject)
			continue
		}
		index[key] = len(rows)
		rows = append(rows, row{c, []string{c.Subject}})
	}
	return rows
}

// about is the one subject, or how many there are and what they have in common.
func (r row) about() string {
	if len(r.subjects) == 1 {
		if r.Subject == "" {
			return "-"
		}
		return r.Subject
	}
	folder := r.Subject[:strings.LastIndex(r.Subject, "/")+1]
	var names []string
	for _, s := range r.subjects {
		names = append(names, strings.TrimPrefix(s, folder))
	}
	const most = 3
	if len(names) > most {
		return fmt.Sprintf("%s{%s, … %d}", folder, strings.Join(names[:most-1], ", "), len(names))
	}
	return folder + "{" + strings.Join(names, ", ") + "}"
}
