//! Nothing but tests: `clew-cleanse` against libphonenumber (the crate `phonenumber`). See `Cargo.toml` for why it stands apart.
