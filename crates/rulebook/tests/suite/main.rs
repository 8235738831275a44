//! A small book, valid unless a test spoils it.

mod refusals;
mod stored;

use rulebook::{Rulebook, SOURCE, Snapshot};
use std::fs;
use std::path::{Path, PathBuf};

/// A project in its own folder, deleted when it goes out of scope.
struct Project {
    root: PathBuf,
}

/// A valid page with one rule.
const PAGE: &str = "# Page\n\n## process.fork\n\n**A title**\n\nA statement.\n\n*P7, T6 · stated · `copy_creds`, \
                    `key_alloc` · needs: root, Linux ≥ 5.3*\n\nWhy.\n\n```rust\n# use keyrings::*;\n\
                    # fn main() -> Observed { observe(\"process.fork\", || {\nexpect(read(), 1)?;\n\
                    expect(read(), ENOKEY)\n# }) }\n```\n\nMore.\n";

/// The trace of that rule.
const TRACE: &str = "main  read() = 1\nmain  read() = -1 ENOKEY (Required key not available)";

impl Project {
    /// A project with this page.
    fn new(name: &str, page: &str) -> Project {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&root);
        let project = Project { root };
        project.write(Path::new(SOURCE).join("SUMMARY.md"), "- [Page](page.md)\n");
        project.write(Path::new(SOURCE).join("page.md"), page);
        project.write("book.toml", "[output.html.redirect]\n\"/page.html#process.old\" = \"x\"\n");
        project
    }

    fn write(&self, path: impl AsRef<Path>, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn pin(&self, id: &str, trace: &str) {
        self.write(Snapshot::path(&self.root, id), &format!("---\nsource: x\n---\n{trace}\n"));
    }

    fn read(&self) -> Rulebook {
        let mut book = Rulebook::read(&self.root);
        book.refuse_unknown_needs(|need| need == "root" || need.starts_with("Linux"));
        book
    }

    fn problems(&self) -> Vec<String> {
        self.read().all_problems(&self.root).iter().map(ToString::to_string).collect()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}
