//! Writes what is generated from the types: the definitions in `crds/`, the same for the chart, and the tables in `crds/README.md`.

use std::path::Path;
use std::{fs, io};

use fapi_crds::{Kind, reference_tables, schema};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for kind in Kind::ALL {
        let file = Path::new(kind.plural()).with_extension("yaml");
        for folder in [folder, &folder.join(schema::CHART)] {
            write(&folder.join(&file), &schema::yaml(kind))?;
        }
    }
    let readme = folder.join("README.md");
    let text = fs::read_to_string(&readme)?;
    let text = reference_tables::inserted(&text)
        .ok_or_else(|| io::Error::other("README.md has lost its markers for the tables"))?;
    write(&readme, &text)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    fs::write(path, text)?;
    println!("wrote {}", path.display());
    Ok(())
}
