//! Fetches kernels, the packages named or one of each series, and says what is there.

use kernels::fetch::{Wanted, fetch};

fn main() -> Result<(), kernels::Error> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let wanted = if names.is_empty() { Wanted::Series } else { Wanted::Packages(names) };
    for kernel in fetch(&kernels::cache(), &wanted, &mut |step| println!("{step:?}"))? {
        println!("{kernel:?}");
    }
    Ok(())
}
