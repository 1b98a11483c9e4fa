//! A last layer without training: every neuron of the last hidden layer votes for one class, and the class with the most
//! votes wins. Counting bits costs about as many look-up tables as there are neurons, whatever a trained matrix of the same
//! accuracy would weigh (group sums, as in differentiable logic gate networks, Petersen et al., arXiv 2210.08277).

use super::Quantised;

/// Weights `[classes][inputs]`: neuron `i` votes for class `i mod classes`.
pub fn quantise(classes: usize, inputs: usize, out: &mut Quantised) {
    out.weights.clear();
    out.weights.resize(classes * inputs, 0.0);
    (0..inputs).for_each(|i| out.weights[i % classes * inputs + i] = 1.0);
    out.scale = vec![1.0];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_neuron_has_one_vote() {
        let mut out = Quantised::default();
        quantise(3, 4, &mut out);
        assert_eq!(out.weights, [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(out.scale, [1.0]);
    }
}
