//! clew
fn main() {}
