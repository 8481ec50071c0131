package store

// list is how the rows of a table are listed in pages: by part (an expression that is 0 or 1), in each by seq.
type list struct {
	table, id string // name of the table, and of the column by which its rows are known
	alias     string // of the table in the query
	part      string // "0" when there is one part only
	upwards   bool   // oldest first
}

// after is the condition that a row comes after the cursor ("": all do). Pages follow the last row seen, so that rows which are added
// meanwhile never make a later page repeat or skip one; a row that has gone over into the second part meanwhile is seen again there. The
// error wraps ErrInvalid.
func (l list) after(cursor string) (cond string, args []any, err error) {
	if cursor == "" {
		return "TRUE", nil, nil
	}
	part, id, err := parseCursor(cursor)
	if err != nil || part < 0 || part > 1 {
		return "", nil, errCursor
	}
	op := "<"
	if l.upwards {
		op = ">"
	}
	return "(" + l.part + " > ? OR " + l.part + " = ? AND " + l.alias + ".seq " + op + " (SELECT seq FROM " + l.table + " WHERE " + l.id + " = ?))",
		[]any{part, part, id}, nil
}

// Cursor is one for a list that is not in the database, ordered by a number and an id.
func Cursor(n int64, id string) string { return formatCursor(n, id) }

// ReadCursor reads what Cursor has made; the error wraps ErrInvalid.
func ReadCursor(cursor string) (n int64, id string, err error) { return parseCursor(cursor) }

// cutPage cuts what was read, up to limit+1 items in the order of what of says of each, to limit, and returns the cursor of what follows
// the last one, "" when nothing does.
func cutPage[T any](items []T, limit int, of func(T) (n int64, id string)) ([]T, string) {
	if len(items) <= limit {
		return items, ""
	}
	return items[:limit], formatCursor(of(items[limit-1]))
}

// page cuts what was read, up to limit+1 items, to limit, and returns the cursor of what follows, "" when nothing does. of says which
// row an item is, and whether it is of the second part.
func page[T any](items []T, limit int, of func(T) (id string, second bool)) ([]T, string) {
	if len(items) <= limit {
		return items, ""
	}
	id, second := of(items[limit-1])
	part := int64(0)
	if second {
		part = 1
	}
	return items[:limit], formatCursor(part, id)
}
