package auth

import (
	"slices"

	"fentrace/server/store"
	"fentrace/server/tlp"
)

// The roles.
const (
	// RoleTechnician takes scans in the field, and sees what is stored.
	RoleTechnician = "technician"
	// RoleChemist works in a laboratory: also enters laboratory results.
	RoleChemist = "chemist"
	// RoleReviewer is the second pair of eyes of a laboratory: also decides which scans become references, except by results entered by
	// the same person.
	RoleReviewer = "reviewer"
	// RoleAnalyst looks for what scans say together.
	RoleAnalyst = "analyst"
	// RoleDisseminator hands records to partners outside.
	RoleDisseminator = "disseminator"
	// RoleAuditor reads the log of what was done, and nothing else.
	RoleAuditor = "auditor"
	// RoleAdministrator looks after people, agencies and what they share, and sees no case data.
	RoleAdministrator = "administrator"
	// RolePublic sees what is marked CLEAR.
	RolePublic = "public"
	// RoleOperator is the role of accounts made by the program itself: whoever runs a machine alone may do everything within the own
	// agency.
	RoleOperator = "operator"
)

// Roles lists them.
var Roles = []string{RoleTechnician, RoleChemist, RoleReviewer, RoleAnalyst, RoleDisseminator, RoleAuditor, RoleAdministrator, RolePublic, RoleOperator}

// Permission is what an operation needs its caller to have. Which records it then is about is another matter, see store.visible.
type Permission string

// The permissions.
const (
	// Open: anybody, also without being logged in.
	Open Permission = "open"
	// Account: look after the own account: password, second factor, access tokens.
	Account Permission = "account"
	// LibraryRead: see what the library holds, what it is worth, and how it came about.
	LibraryRead Permission = "library.read"
	// RecordsRead: see scans with their answers, in every form for reading, the report for the case file among them.
	RecordsRead Permission = "records.read"
	// IntelligenceRead: see what scans say together: first seen, alerts, look-backs, what looks alike, the map.
	IntelligenceRead Permission = "intelligence.read"
	// ScansTake: use the spectrometer, upload scans, see the queue of those that are sent on.
	ScansTake Permission = "scans.take"
	// ResultsEnter: say what a laboratory found.
	ResultsEnter Permission = "results.enter"
	// ReferencesDecide: decide which scans become references, and end the comparison of answers.
	ReferencesDecide Permission = "references.decide"
	// RecordsAmend: enter seizures and exhibits, and amend them and the circumstances of scans.
	RecordsAmend Permission = "records.amend"
	// ReviewsMake: say as the second person what one thinks of a presumptive answer or of a laboratory result.
	ReviewsMake Permission = "reviews.make"
	// LookBack: look through the past with a reference.
	LookBack Permission = "lookback.run"
	// JobsManage: see what is done in the background, by ids only, try again what was given up, and take it away.
	JobsManage Permission = "jobs.manage"
	// Export: have records in the forms that partners' programs read: STIX, GeoJSON. Nothing that is marked AMBER+STRICT or RED, and of
	// another agency nothing that is AMBER, is handed out whoever asks.
	Export Permission = "records.export"
	// ReleasesRead: see who was given what, and why.
	ReleasesRead Permission = "releases.read"
	// HoldsSet: keep scans from being erased, and let them go again.
	HoldsSet Permission = "holds.set"
	// AuditRead: read the log of what was done.
	AuditRead Permission = "audit.read"
	// PeopleManage: look after the people of the own agency, and of every agency with AgenciesManage.
	PeopleManage Permission = "people.manage"
	// SharesManage: say what the own agency shares with others, and what every agency does with AgenciesManage.
	SharesManage Permission = "shares.manage"
	// AgenciesManage: look after all agencies.
	AgenciesManage Permission = "agencies.manage"
)

// Permissions are those of each role. What is not here is not allowed.
//
// The printed report (PDF) is for reading and goes into the case file: whoever may see a scan may print it, and its marking is on every
// page. What partners' programs read is for the disseminator, who answers for what leaves the agency; with the operator, who is alone.
var Permissions = map[string][]Permission{
	RoleTechnician:    {Account, LibraryRead, RecordsRead, IntelligenceRead, ScansTake, RecordsAmend},
	RoleChemist:       {Account, LibraryRead, RecordsRead, IntelligenceRead, ScansTake, RecordsAmend, ResultsEnter},
	RoleReviewer:      {Account, LibraryRead, RecordsRead, IntelligenceRead, ScansTake, RecordsAmend, ResultsEnter, ReviewsMake, ReferencesDecide, LookBack, JobsManage, ReleasesRead, HoldsSet},
	RoleAnalyst:       {Account, LibraryRead, RecordsRead, IntelligenceRead, LookBack},
	RoleDisseminator:  {Account, LibraryRead, RecordsRead, IntelligenceRead, Export, ReleasesRead},
	RoleAuditor:       {Account, AuditRead},
	RoleAdministrator: {Account, JobsManage, PeopleManage, SharesManage, AgenciesManage},
	RolePublic:        {Account, LibraryRead, RecordsRead, IntelligenceRead},
	RoleOperator: {Account, LibraryRead, RecordsRead, IntelligenceRead, ScansTake, RecordsAmend, ResultsEnter, ReviewsMake, ReferencesDecide, LookBack, JobsManage, Export, ReleasesRead, HoldsSet,
		PeopleManage, SharesManage, AuditRead},
}

// May reports whether a role has a permission.
func May(role string, p Permission) bool { return slices.Contains(Permissions[role], p) }

// With are the roles that have a permission.
func With(p Permission) []string {
	return slices.DeleteFunc(slices.Clone(Roles), func(role string) bool { return !May(role, p) })
}

// clearances are those of new accounts, by role: for those who work for the whole agency, what the whole agency may see; for those who
// weigh evidence, everything; for who hands out records, what may be handed out.
var clearances = map[string]tlp.Level{
	RoleTechnician: tlp.AmberStrict, RoleChemist: tlp.AmberStrict, RoleReviewer: tlp.Red, RoleAnalyst: tlp.Red, RoleDisseminator: tlp.Amber,
	RoleAuditor: tlp.Clear, RoleAdministrator: tlp.Clear, RolePublic: tlp.Clear, RoleOperator: tlp.Red,
}

// Clearance is that of a new account of a role.
func Clearance(role string) tlp.Level {
	if c, ok := clearances[role]; ok {
		return c
	}
	return tlp.Clear
}

// Reviewers are the roles that may decide which scans become references, and review.
var Reviewers = []string{RoleReviewer, RoleOperator}

// May reports whether the caller has a permission.
func (c Caller) May(p Permission) bool { return May(c.Role, p) }

// Principal is on whose behalf the store is asked when a user asks; request is the id of the request.
func Principal(u store.User, request string) store.Principal {
	return store.Principal{User: u.Name, Role: u.Role, Agency: u.Agency, Clearance: u.Clearance, Request: request}
}
