//! A new file in the viewer's folder is no change that cargo would see: without this, a release build
//! would embed the old list.

fn main() {
    println!("cargo::rerun-if-changed=viewer");
}
