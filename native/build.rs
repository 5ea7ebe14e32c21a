//! What the linker must know on each system for a library that Node loads.
fn main() {
    napi_build::setup();
}
