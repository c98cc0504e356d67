package sys

import "golang.org/x/sys/unix"

// System calls of landlock(7), Linux 5.13. SysLandlockCreateRuleset is among
// the numbers that probes use.
const (
	SysLandlockAddRule      = unix.SYS_LANDLOCK_ADD_RULE
	SysLandlockRestrictSelf = unix.SYS_LANDLOCK_RESTRICT_SELF
)

// Arguments of those calls.
const (
	LandlockRulePathBeneath  = unix.LANDLOCK_RULE_PATH_BENEATH
	LandlockRuleNetPort      = 2 // enum landlock_rule_type; x/sys lacks it
	LandlockLogSubdomainsOff = unix.LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF
)
