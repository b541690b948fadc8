//! What was found.

use std::fmt;

/// What one check of [`examine`](crate::examine) has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Which check: a word that stays the same from version to version, such as `dead_tuples`.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was seen.
    pub what: String,
    /// Why it matters.
    pub why: &'static str,
    /// What to type: SQL, or a command line. Look at it before you do.
    pub advice: Option<String>,
}

/// How bad a [`Finding`] is; the worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// As it should be.
    Fine,
    /// The role may not look, or the database does not tell.
    Unknown,
    /// Nothing is broken, and something should be seen to.
    Warning,
    /// Jobs are late or lost to sight, or will be.
    Problem,
}

impl Severity {
    /// The name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Fine => "fine",
            Severity::Unknown => "unknown",
            Severity::Warning => "warning",
            Severity::Problem => "problem",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
