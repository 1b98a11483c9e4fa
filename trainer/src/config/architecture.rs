//! What layers a network has.

use serde::{Deserialize, Serialize};

use super::{Config, within};
use crate::{Error, Result};

/// Networks by name, or layer by layer. The last layer, one output per class, follows by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Architecture {
    /// Dense layers with the outputs that [`Config::hidden`] lists.
    #[default]
    Mlp,
    /// 32-C5, MP2, 64-C5, MP2, 512 dense: LeNet-5 as in TWN (arXiv 1605.04711, section 3.1).
    Lenet5,
    /// 2 x 128-C3, MP2, 2 x 256-C3, MP2, 2 x 512-C3, MP2, 1024 dense: VGG-7 as in TWN.
    Vgg7 {
        /// Factor of all outputs.
        width: f64,
    },
    /// 16-C3, then three stages of three pairs of 3x3 convolutions with 16, 32 and 64 outputs, the second and third
    /// halving the image, an average: ResNet-20 for CIFAR-10 (He et al., arXiv 1512.03385, section 4.2). Shortcuts are
    /// identities, so the two pairs that halve the image have none.
    Resnet20 {
        /// Factor of all outputs.
        width: f64,
    },
    /// Layers of one's own.
    Layers(Vec<Block>),
}

/// A hidden layer with its batch-norm and activation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Block {
    /// A convolution; only before the first dense layer.
    Conv(Conv),
    /// The average of each channel over the whole image; only before a dense layer or at the end.
    Average,
    /// A matrix over everything before it.
    Dense {
        /// Outputs.
        outputs: usize,
    },
}

/// A convolution, square in everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv {
    /// Output channels.
    pub outputs: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Distance between windows; 1 when left out.
    #[serde(default = "one")]
    pub stride: usize,
    /// Zeros around the image; 0 when left out.
    #[serde(default)]
    pub padding: usize,
    /// Side and stride of a max pool behind it; 1 (none) when left out.
    #[serde(default = "one")]
    pub pool: usize,
    /// Blocks, this one the last, that a residual sum bridges: the codes of what entered the first are added to those that
    /// leave this one; 0 (none) when left out.
    #[serde(default)]
    pub skip: usize,
    /// A kernel for each channel alone, as many outputs as channels; `false` when left out.
    #[serde(default)]
    pub depthwise: bool,
}

impl Conv {
    /// A plain convolution: windows side by side, no padding, nothing behind it.
    pub fn new(outputs: usize, kernel: usize) -> Self {
        Conv { outputs, kernel, stride: 1, padding: 0, pool: 1, skip: 0, depthwise: false }
    }
}

fn one() -> usize {
    1
}

impl Config {
    /// Hidden layers in order.
    pub fn blocks(&self) -> Vec<Block> {
        let conv = |outputs, kernel, padding, pool| {
            Block::Conv(Conv { padding, pool, ..Conv::new(outputs, kernel) })
        };
        let scaled = |outputs: u32, width: f64| (f64::from(outputs) * width).round().max(1.0) as usize;
        match &self.model {
            Architecture::Mlp => self.hidden.iter().map(|&outputs| Block::Dense { outputs }).collect(),
            Architecture::Lenet5 => {
                vec![conv(32, 5, 0, 2), conv(64, 5, 0, 2), Block::Dense { outputs: 512 }]
            }
            Architecture::Vgg7 { width } => {
                let stages = [128, 256, 512].map(|n| scaled(n, *width)).into_iter();
                let pair = |n| [conv(n, 3, 1, 1), conv(n, 3, 1, 2)];
                stages.flat_map(pair).chain([Block::Dense { outputs: scaled(1024, *width) }]).collect()
            }
            Architecture::Resnet20 { width } => {
                let block = |outputs, stride, skip| {
                    Block::Conv(Conv { stride, padding: 1, skip, ..Conv::new(outputs, 3) })
                };
                let stage = |(index, n): (usize, u32)| {
                    let n = scaled(n, *width);
                    let first = match index {
                        0 => [block(n, 1, 0), block(n, 1, 2)],
                        _ => [block(n, 2, 0), block(n, 1, 0)],
                    };
                    [first, [block(n, 1, 0), block(n, 1, 2)], [block(n, 1, 0), block(n, 1, 2)]].concat()
                };
                let stages = [16, 32, 64].into_iter().enumerate().flat_map(stage);
                [block(scaled(16, *width), 1, 0)].into_iter().chain(stages).chain([Block::Average]).collect()
            }
            Architecture::Layers(blocks) => blocks.clone(),
        }
    }

    /// Whether samples are read as images.
    pub fn reads_images(&self) -> bool {
        matches!(self.blocks().first(), Some(Block::Conv(_) | Block::Average))
    }

    pub(crate) fn validate_blocks(&self) -> Result<()> {
        if let Architecture::Vgg7 { width } | Architecture::Resnet20 { width } = self.model {
            within("model.width", width, 1e-3, 16.0)?;
        }
        let blocks = self.blocks();
        if blocks.len() > 64 {
            return Err(Error::config("hidden", format!("{} layers; want at most 64", blocks.len())));
        }
        let field = if self.model == Architecture::Mlp { "hidden" } else { "model.layers" };
        let most = sterna_ir::MAX_ELEMENTS as f64;
        let (mut dense, mut average) = (false, false);
        for (i, block) in blocks.iter().enumerate() {
            let place = format!("{field}[{i}]");
            match *block {
                Block::Dense { outputs } => {
                    within(&place, outputs as f64, 1.0, most)?;
                    dense = true;
                }
                Block::Conv(_) | Block::Average if dense || average => {
                    let what = "behind a dense layer or an average; put convolutions first, then at most one average";
                    return Err(Error::config(&place, what.to_string()));
                }
                Block::Average => average = true,
                Block::Conv(Conv { skip, .. }) if skip > i => {
                    let what = format!("{skip}; want at most the {i} blocks behind the first");
                    return Err(Error::config(format!("{place}.skip"), what));
                }
                Block::Conv(Conv { outputs, kernel, stride, padding, pool, .. }) => {
                    within(&format!("{place}.outputs"), outputs as f64, 1.0, most)?;
                    within(&format!("{place}.kernel"), kernel as f64, 1.0, 255.0)?;
                    within(&format!("{place}.stride"), stride as f64, 1.0, 255.0)?;
                    within(&format!("{place}.padding"), padding as f64, 0.0, kernel as f64 - 1.0)?;
                    within(&format!("{place}.pool"), pool as f64, 1.0, 15.0)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_s_own_layers_are_read_with_their_defaults() {
        let text =
            r#"{"layers": [{"conv": {"outputs": 8, "kernel": 3, "pool": 2}}, {"dense": {"outputs": 20}}]}"#;
        let model: Architecture = serde_json::from_str(text).expect("a model");
        let conv = Block::Conv(Conv { pool: 2, ..Conv::new(8, 3) });
        assert_eq!(model, Architecture::Layers(vec![conv, Block::Dense { outputs: 20 }]));
        let config = Config { model, ..Config::default() };
        assert!(config.reads_images() && config.validate().is_ok());
        let back = serde_json::to_string(&config.model).expect("plain data");
        assert_eq!(serde_json::from_str::<Architecture>(&back).expect("a model"), config.model);
    }

    #[test]
    fn a_width_scales_every_layer() {
        let config = Config { model: Architecture::Vgg7 { width: 0.25 }, ..Config::default() };
        let outputs = |b: &Block| match *b {
            Block::Conv(Conv { outputs, .. }) | Block::Dense { outputs } => outputs,
            Block::Average => 0,
        };
        assert_eq!(config.blocks().iter().map(outputs).collect::<Vec<_>>(), [32, 32, 64, 64, 128, 128, 256]);
    }

    #[test]
    fn crooked_layers_are_refused_by_their_place() {
        let refused = |blocks: Vec<Block>, message: &str| {
            let config = Config { model: Architecture::Layers(blocks), ..Config::default() };
            let error = config.validate().expect_err("refused").to_string();
            assert!(error.contains(message), "{error}");
        };
        let good = (4, 3, 1, 1, 2);
        let conv = |(outputs, kernel, stride, padding, pool)| {
            Block::Conv(Conv { stride, padding, pool, ..Conv::new(outputs, kernel) })
        };
        let bridge = |skip| Block::Conv(Conv { padding: 1, skip, ..Conv::new(4, 3) });
        refused(vec![bridge(0), bridge(2)], "model.layers[1].skip");
        refused(vec![Block::Average, Block::Average], "at most one average");
        refused(vec![Block::Average, conv(good)], "convolutions first");
        refused(vec![conv((0, 3, 1, 1, 2))], "model.layers[0].outputs");
        refused(vec![conv(good), conv((4, 0, 1, 0, 2))], "model.layers[1].kernel");
        refused(vec![conv((4, 3, 0, 1, 2))], "model.layers[0].stride");
        refused(vec![conv((4, 3, 1, 3, 2))], "model.layers[0].padding");
        refused(vec![conv((4, 3, 1, 1, 0))], "model.layers[0].pool");
        refused(vec![Block::Dense { outputs: 9 }, conv(good)], "convolutions first");
    }
}
