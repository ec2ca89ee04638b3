//! What the attributes say of wrong signatures, and where. `TRYBUILD=overwrite` writes it anew.
#![cfg(not(target_arch = "wasm32"))]

#[test]
fn what_is_written_wrongly_is_said_where_it_stands() {
    trybuild::TestCases::new().compile_fail("tests/macros/fail/*.rs");
}
