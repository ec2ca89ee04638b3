//! What must not stay in memory stays: JavaScript, where it came from, keeps copies that nobody can
//! write over, and writing over ours would promise what it does not hold.

/// Does nothing.
pub fn wipe(_: &mut String) {}
