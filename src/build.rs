//! A compiled network: the design, its Verilog, and the build folder that holds them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sterna_hdl::lower::{self, Options};
use sterna_hdl::manifest::{self, Manifest};
use sterna_hdl::verilog::{self, Emitted, PrintOptions, SourceFile};
use sterna_ir::{Design, Network, format};

use crate::store;

/// File that marks a build folder.
pub const MANIFEST: &str = "manifest.json";
/// The network inside a build folder.
pub const NETWORK: &str = "network.sterna";

/// Everything about one compiled network.
#[derive(Debug)]
pub struct Build {
    /// The network.
    pub network: Network,
    /// How it was compiled.
    pub options: Options,
    /// The circuit.
    pub design: Design,
    /// Its Verilog as we print it, with the names of signals.
    pub emitted: Emitted,
    /// The Verilog to check and measure: as printed, or as it lies in the build folder, edited or not.
    pub sources: Vec<SourceFile>,
    /// The folder it was read from.
    pub folder: Option<PathBuf>,
    /// Files in the folder that are not what the manifest says.
    pub edited: Vec<String>,
}

/// Compiles a network in memory.
pub fn compile(network: Network, options: Options) -> Result<Build> {
    let design = lower::lower(&network, &options)?;
    let emitted = verilog::print(&design.netlist, &PrintOptions::default())?;
    let sources = emitted.files.clone();
    Ok(Build { network, options, design, emitted, sources, folder: None, edited: Vec::new() })
}

/// Reads a build folder: recompiles its network as the manifest says, and takes the Verilog as it lies there.
pub fn open(folder: &Path) -> Result<Build> {
    let path = folder.join(MANIFEST);
    let manifest = manifest::read(&store::read_text(&path)?).with_context(|| path.display().to_string())?;
    let network = store::read_network(&folder.join(NETWORK))?;
    let options: Options = serde_json::from_value(manifest.options.clone())
        .with_context(|| format!("{}: options", path.display()))?;
    let mut build = compile(network, options)?;
    if manifest.top != build.emitted.top {
        bail!("{}: top module {:?}, but the network compiles to {:?}; compile again", path.display(), manifest.top, build.emitted.top);
    }
    for file in &mut build.sources {
        let text = store::read_text(&folder.join(&file.name))?;
        if text != file.text {
            build.edited.push(file.name.clone());
            file.text = text;
        }
    }
    build.folder = Some(folder.to_path_buf());
    Ok(build)
}
