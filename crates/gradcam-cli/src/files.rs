//! Output files: their places are checked before anything is computed, and they are written completely or not at all.

use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Returns the folder itself, or the working folder for an empty path.
pub(crate) fn here(folder: &Path) -> &Path {
    if folder == Path::new("") {
        Path::new(".")
    } else {
        folder
    }
}

/// Returns the folder that contains a file.
pub(crate) fn folder_of(file: &Path) -> &Path {
    here(file.parent().unwrap_or(Path::new("")))
}

/// The hint of a command whose `--force` replaces a file.
pub(crate) const FORCE: &str = "`--force` replaces it";

/// Refuses files that exist, unless `replace` is on, and folders in their places; `hint` says how to proceed. Nothing is written yet.
///
/// # Errors
/// For the first place that is occupied.
pub(crate) fn check_free<P: AsRef<Path>>(
    files: impl IntoIterator<Item = P>,
    replace: bool,
    hint: &str,
) -> Result<()> {
    for file in files {
        let file = file.as_ref();
        if file.is_dir() {
            bail!(
                "`{}` is a folder, but a file is to be written there",
                file.display()
            );
        }
        if file.exists() && !replace {
            bail!("`{}` exists\n\nhint: {hint}", file.display());
        }
    }
    Ok(())
}

/// Refuses a folder that cannot be written to. It is not created yet.
///
/// # Errors
/// When the folder, or the one that it would be created in, is not a folder or cannot be written to.
pub(crate) fn check_place(folder: &Path) -> Result<()> {
    let there = folder.ancestors().map(here).find(|f| f.exists());
    let there = there.unwrap_or(Path::new("."));
    let probed = if there.is_dir() {
        beside(there).map(drop)
    } else {
        Err(ErrorKind::NotADirectory.into())
    };
    let verb = if folder.is_dir() { "write to" } else { "make" };
    probed.with_context(|| format!("cannot {verb} the folder `{}`", folder.display()))
}

/// Whether no other file could be written either.
pub(crate) fn is_hopeless(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref());
    kinds.map(std::io::Error::kind).any(|kind| {
        matches!(
            kind,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem
        )
    })
}

/// Writes a file beside its place and then renames it, so that no reader and no interruption sees a partial file.
///
/// # Errors
/// When the folder cannot be created or written to, the disk is full, or the file exists and `replace` is off.
pub(crate) fn write(path: &Path, bytes: &[u8], replace: bool) -> Result<()> {
    let folder = folder_of(path);
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let fail = || format!("cannot write `{}`", path.display());
    let mut file = beside(folder).with_context(fail)?;
    file.write_all(bytes).with_context(fail)?;
    let kept = if replace {
        file.persist(path)
    } else {
        file.persist_noclobber(path)
    };
    kept.map(drop)
        .map_err(|error| anyhow::Error::from(error.error))
        .with_context(fail)
}

/// Makes a hidden file in `folder` that disappears unless it is kept, with the permissions of an ordinary new file.
fn beside(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".gradcam-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_checked_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "mine").unwrap();
        assert!(check_place(&at("new/deep")).is_ok());
        for place in ["file", "file/deep/er"] {
            let error = check_place(&at(place)).unwrap_err().to_string();
            assert!(
                error.contains(&format!("folder `{}`", at(place).display())),
                "{error}"
            );
        }
        let names = std::fs::read_dir(folder.path()).unwrap();
        assert_eq!(names.count(), 1);
    }

    #[test]
    fn a_place_is_free_or_may_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "mine").unwrap();
        let refused = |name: &str, replace: bool| {
            let checked = check_free([at("new"), at(name)], replace, FORCE);
            checked.err().map(|error| error.to_string())
        };
        assert_eq!(
            (refused("other", false), refused("file", true)),
            (None, None)
        );
        let taken = refused("file", false).unwrap();
        assert!(taken.contains("exists") && taken.contains(FORCE), "{taken}");
        for replace in [false, true] {
            let error = refused("", replace).unwrap();
            assert!(error.contains("is a folder"), "{error}");
        }
    }

    #[test]
    fn a_file_is_replaced_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/file");
        write(&path, b"one", false).unwrap();
        assert!(write(&path, b"two", false).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        write(&path, b"two", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
    }
}
