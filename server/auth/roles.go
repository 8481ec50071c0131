package auth

import "slices"

// The roles. Everyone with an account reads what is stored and takes scans.
const (
	// RoleTechnician does no more than that.
	RoleTechnician = "technician"
	// RoleChemist also enters laboratory results.
	RoleChemist = "chemist"
	// RoleReviewer also decides which scans become references, except by results entered by the same person.
	RoleReviewer = "reviewer"
	// RoleOperator is the role of accounts made by the program itself: whoever runs it may do everything.
	RoleOperator = "operator"
)

// Roles lists them, those that may do least first.
var Roles = []string{RoleTechnician, RoleChemist, RoleReviewer, RoleOperator}

// Reviewers are the roles that may decide which scans become references.
var Reviewers = []string{RoleReviewer, RoleOperator}

// EntersResults: the caller may enter what a laboratory found.
func (c Caller) EntersResults() bool { return c.Role == RoleChemist || c.Reviews() }

// Reviews: the caller may decide which scans become references.
func (c Caller) Reviews() bool { return slices.Contains(Reviewers, c.Role) }
