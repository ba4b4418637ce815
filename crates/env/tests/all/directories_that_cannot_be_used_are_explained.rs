use crate::real_world::RealWorld;
use rekindle_env::real::{OpenError, RealConfig, RealEnv};
use std::{io, path::Path};

fn refusal(world: &RealWorld, path: &Path) -> io::Error {
    let (main, urgent) = (world.runtimes.main(), world.runtimes.urgent());
    RealEnv::open(path, main, urgent, RealConfig::default()).err().expect("it is refused")
}

fn kind(error: &io::Error) -> &OpenError {
    error.get_ref().and_then(|inner| inner.downcast_ref()).expect("it says more")
}

#[test]
fn a_missing_directory_is_made() {
    let world = RealWorld::start();
    let path = world.path().join("a/b");
    let (main, urgent) = (world.runtimes.main(), world.runtimes.urgent());
    let env = RealEnv::open(&path, main, urgent, RealConfig::default()).unwrap();
    world.block_on(env.dir.append("f", "x".into())).unwrap();
    assert_eq!(std::fs::read(path.join("f")).unwrap(), b"x");
}

#[test]
fn a_file_in_the_way_is_named() {
    let world = RealWorld::start();
    let path = world.path().join("file");
    std::fs::write(&path, "x").unwrap();
    for path in [path.clone(), path.join("below")] {
        let error = refusal(&world, &path);
        assert!(matches!(kind(&error), OpenError::NotADirectory(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(path.to_str().unwrap()) && text.contains("give a directory"), "{text}");
    }
}

#[test]
fn an_unwritable_directory_is_named() {
    let world = RealWorld::start();
    // A place where not even the superuser may write.
    let error = refusal(&world, Path::new("/proc/rekindle"));
    assert!(error.to_string().contains("/proc/rekindle"), "{error}");
    let read_only = world.path().join("read-only");
    std::fs::create_dir(&read_only).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o500);
    std::fs::set_permissions(&read_only, mode).unwrap();
    if std::fs::write(read_only.join("probe"), "x").is_ok() {
        return; // the superuser may
    }
    let error = refusal(&world, &read_only);
    assert!(matches!(kind(&error), OpenError::Unwritable(..)), "{error:?}");
    assert!(error.to_string().contains("let the user of this process write there"), "{error}");
}
