//! Moving the parameters by the gradients of a step.

use crate::config::{Config, Weights};
use crate::net::Net;
use crate::optim::{Param, Rule};
use crate::quantise::fan_in;
use crate::step::Workspace;

/// Part of the step before that TGA's threshold update repeats.
const THRESHOLD_MOMENTUM: f64 = 0.9;

/// Moves the parameters of `net` by the gradients in `space`; `step` counts from 1.
pub fn apply(net: &mut Net, config: &Config, space: &Workspace, rate: f64, step: usize) {
    let plain = Rule { unit: 1.0, decay: 0.0, clip: None };
    let update = |param: &mut Param, grad: &[f32], rule| {
        param.update(grad, config.optimiser, rate, step, rule);
    };
    for (index, (dense, layer)) in
        net.dense.iter_mut().zip(&space.layers).take(config.trained_layers()).enumerate()
    {
        let bound = dense.bound();
        let rule = weight_rule(config, bound, dense.mask.is_some());
        match (&layer.wires, &layer.sparse) {
            (Some(wires), Some(nonzeros)) => {
                wires.apply(
                    nonzeros,
                    dense.inputs,
                    &layer.weight_grad,
                    &mut dense.weight,
                    |param, part, grad| {
                        param.update_part(part, grad, config.optimiser, rate, step, rule);
                    },
                );
            }
            _ => update(&mut dense.weight, &layer.weight_grad, rule),
        }
        if let (Some(k), 0, None) =
            (config.weights.fan_in_of(index), step % fan_in::RESCALE_EVERY, &dense.mask)
        {
            fan_in::rescale(&mut dense.weight.value, dense.inputs, k, bound as f32);
        }
    }
    for (norm, layer) in net.norm.iter_mut().zip(&space.layers) {
        update(&mut norm.gamma, &layer.gamma_grad, plain);
        update(&mut norm.beta, &layer.beta_grad, plain);
        let past = config.norm_momentum as f32;
        let blend = |old: &mut Vec<f32>, new: &[f32]| {
            old.iter_mut().zip(new).for_each(|(o, n)| *o = past * *o + (1.0 - past) * n);
        };
        blend(&mut norm.mean, &layer.mean);
        blend(&mut norm.var, &layer.var);
    }
    update(&mut net.head.gain, &[space.gain_grad], plain);
    // A bias would cost an adder for every class that counts votes.
    if !config.votes {
        update(&mut net.head.bias, &space.bias_grad, plain);
    }
}

/// Moves TGA's thresholds alone: gradients clipped, Nesterov momentum. `relative` is the learning rate over its highest.
pub fn apply_thresholds(net: &mut Net, config: &Config, space: &Workspace, relative: f64) {
    let Weights::Tga { rate, limit, .. } = config.weights else { return };
    for (dense, layer) in net.dense.iter_mut().zip(&space.layers) {
        let grad = layer.threshold_grad.clamp(-limit, limit);
        let rate = rate * relative * dense.bound();
        dense.threshold.nesterov(&[grad as f32], rate, THRESHOLD_MOMENTUM);
    }
}

fn weight_rule(config: &Config, bound: f64, frozen: bool) -> Rule {
    let (decay, clip) = match config.weights {
        Weights::BinaryConnect => (config.weight_decay, Some(bound)),
        Weights::Faraone { l2, .. } => (if frozen { 0.0 } else { l2 }, Some(bound)),
        _ => (config.weight_decay, None),
    };
    Rule { unit: bound, decay, clip }
}
