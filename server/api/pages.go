package api

// PageQuery asks for one page of a list.
type PageQuery struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
	Cursor string `query:"cursor" maxLength:"200" doc:"next_cursor of the page before"`
}

// PageEnd says where a list goes on.
type PageEnd struct {
	NextCursor string `json:"next_cursor" doc:"empty on the last page"`
}
