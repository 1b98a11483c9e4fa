//! What is done with hostile bytes. Only a panic, or memory and time without bound, is a fault.

use std::path::Path;

use sterna_hdl::mutate::{Mutants, schema};
use sterna_hdl::verilog::SourceFile;
use sterna_ir::{Network, eval, format};
use sterna_trainer::config::{Architecture, Config};
use sterna_trainer::data;

/// Most elements of a layer for which a network that was read is run and compiled.
const SMALL: usize = 4096;

/// A network file: read, written and read again, run on its lowest sample, compiled.
pub fn network(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok((network, task)) = format::read(text) else { return };
    let written = format::write(&network, &task);
    let (again, _) = format::read(&written).expect("what was written can be read");
    assert_eq!(network, again);
    if elements(&network) > SMALL {
        return;
    }
    let sample: Vec<i64> = network.input.of_elements().iter().map(|range| range.lo).collect();
    // A network that was read may still overflow, which is told.
    if eval::evaluate(&network, &sample).is_ok() {
        // What no circuit can be made of is told, too.
        let _ = sterna_hdl::lower(&network, &sterna_hdl::Options { sharing: None, ..Default::default() });
    }
}

/// Elements of the largest layer.
fn elements(network: &Network) -> usize {
    let most = network.ranges().map_or(usize::MAX, |r| r.iter().map(Vec::len).max().unwrap_or(0));
    most.max(network.input.elements())
}

/// A model of ONNX: imported where it can be, the network that comes out exported and imported again.
pub fn onnx(bytes: &[u8]) {
    let options = sterna_onnx::Options::default();
    let Ok(import) = sterna_onnx::parse(bytes).and_then(|model| sterna_onnx::import(&model, &options)) else {
        return;
    };
    let network = import.network;
    if elements(&network) > SMALL {
        return;
    }
    // What 32-bit floats cannot hold is told.
    let Ok(written) = sterna_onnx::export(&network, 1, &[]) else { return };
    let again = sterna_onnx::parse(&written).and_then(|model| sterna_onnx::import(&model, &options));
    let again = again.expect("what was written can be read").network;
    let range = network.input.range();
    for value in [range.lo, range.hi] {
        let sample = vec![value; network.input.elements()];
        let class = |network| eval::evaluate(network, &sample).expect("an imported network checks").pop();
        assert_eq!(class(&network), class(&again));
    }
}

/// The manifest of a build folder.
pub fn manifest(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(manifest) = sterna_hdl::manifest::read(text)
    {
        sterna_hdl::manifest::read(&manifest.to_text()).expect("what was written can be read");
    }
}

/// Verilog out of a build folder, of which mutants are made.
pub fn verilog(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let files = [SourceFile { name: "a.v".into(), text: text.into() }];
    let mutants = Mutants::of(&files).draw(20, 1);
    mutants.iter().for_each(|mutant| _ = mutant.apply(&files));
    schema(&files, &mutants);
}

/// Layers of one's own as JSON.
pub fn model(bytes: &[u8]) {
    if let Ok(model) = serde_json::from_slice::<Architecture>(bytes) {
        let config = Config { model, ..Config::default() };
        // A model that cannot be is told.
        let _ = config.validate();
    }
}

/// Labels of a named set; the images beside them are fine.
pub fn idx(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let set = folder.path().join("mnist");
    std::fs::create_dir(&set).expect("a folder");
    let images = |count: u32| {
        let sizes = [0x0803, count, 28, 28].map(u32::to_be_bytes).concat();
        [sizes, (0..count * 784).map(|i| i as u8).collect()].concat()
    };
    let put = |name: &str, bytes: &[u8]| std::fs::write(set.join(name), bytes).expect("a file");
    for part in ["train", "t10k"] {
        put(&format!("{part}-images-idx3-ubyte"), &images(20));
        put(&format!("{part}-labels-idx1-ubyte"), bytes);
    }
    read("mnist", folder.path());
}

/// Features beside good labels.
pub fn npy(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (12,), }";
    let header = format!("{header:<117}\n");
    let labels =
        [b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes(), &[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]].concat();
    std::fs::write(folder.path().join("a.labels.npy"), labels).expect("a file");
    own("a.npy", bytes, folder.path());
}

/// Arrays in an archive.
pub fn npz(bytes: &[u8]) {
    own("a.npz", bytes, tempfile::tempdir().expect("a temporary folder").path());
}

/// A table.
pub fn csv(bytes: &[u8]) {
    own("a.csv", bytes, tempfile::tempdir().expect("a temporary folder").path());
}

/// A matrix of weights.
pub fn matrix(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.npy");
    std::fs::write(&path, bytes).expect("a file");
    // A file that cannot be read is told.
    let _ = data::read_matrix(&path);
}

fn own(name: &str, bytes: &[u8], folder: &Path) {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a file");
    read(&path.to_string_lossy(), folder);
}

fn read(spec: &str, folder: &Path) {
    let options = data::Options {
        data_dir: Some(folder.to_path_buf()),
        cache_dir: Some(folder.join("cache")),
        offline: true,
        ..data::Options::default()
    };
    // A set that cannot be read is told, in one line.
    if let Err(error) = data::load(spec, &options, &|_, _, _| ()) {
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}
