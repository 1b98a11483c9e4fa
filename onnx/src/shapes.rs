//! Axes: how constants are spread over tensors, and layouts.

/// The one axis of `shape` along which a constant of shape `constant` varies, after ONNX's rule that sizes are compared from
/// the last axis on; `None` if it is the same everywhere.
pub fn varying_axis(constant: &[usize], shape: &[usize]) -> Result<Option<usize>, String> {
    let fail = || {
        Err(format!("a constant of shape {constant:?} over {shape:?}; want one value, or one along an axis"))
    };
    let more = constant.len().saturating_sub(shape.len());
    if constant[..more].iter().any(|d| *d != 1) {
        return fail();
    }
    let constant = &constant[more..];
    let first = shape.len() - constant.len();
    let mut axes = (0..constant.len()).filter(|a| constant[*a] != 1);
    match (axes.next(), axes.next()) {
        (None, _) => Ok(None),
        (Some(axis), None) if constant[axis] == shape[first + axis] => Ok(Some(first + axis)),
        _ => fail(),
    }
}

/// In which order the elements of a tensor of shape `shape` are read when its axes are `permuted`.
pub fn permuted(shape: &[usize], permuted: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (0..shape.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1] * shape[axis + 1];
    }
    let mut order = vec![0];
    for &axis in permuted {
        let along = |start: &usize| (0..shape[axis]).map(|i| start + i * strides[axis]).collect::<Vec<_>>();
        order = order.iter().flat_map(along).collect();
    }
    order
}

/// The axes that a `Transpose` names, or all in reverse. `Err` unless each is named once.
pub fn permutation(given: Option<&[i64]>, rank: usize) -> Result<Vec<usize>, String> {
    let Some(given) = given else { return Ok((0..rank).rev().collect()) };
    let axes: Vec<usize> = given.iter().filter_map(|a| usize::try_from(*a).ok()).collect();
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    if given.len() != rank || sorted != (0..rank).collect::<Vec<_>>() {
        return Err(format!("permutation {given:?} of {rank} axes; want each once"));
    }
    Ok(axes)
}

/// An axis counted from the front; ONNX counts from the end with negative numbers.
pub fn axis(given: i64, rank: usize) -> Result<usize, String> {
    let from_front = if given < 0 { given + rank as i64 } else { given };
    usize::try_from(from_front)
        .ok()
        .filter(|a| *a < rank)
        .ok_or_else(|| format!("axis {given} of a tensor with {rank} axes"))
}

/// The axis before which `Flatten` cuts: one behind the last is an axis too.
pub fn cut(given: i64, rank: usize) -> Result<usize, String> {
    if given == rank as i64 { Ok(rank) } else { axis(given, rank) }
}

/// What a `Squeeze` of `axes`, or an `Unsqueeze` that inserts them, makes of a shape.
pub fn squeezed(shape: &[usize], axes: &[i64], insert: bool) -> Result<Vec<usize>, String> {
    let rank = if insert { shape.len() + axes.len() } else { shape.len() };
    let axes: Vec<usize> = axes.iter().map(|a| axis(*a, rank)).collect::<Result<_, _>>()?;
    let mut named = vec![false; rank];
    axes.iter().for_each(|a| named[*a] = true);
    if insert {
        let mut rest = shape.iter();
        let size = |a: usize| if named[a] { Some(1) } else { rest.next().copied() };
        return (0..rank).map(size).collect::<Option<_>>().ok_or_else(|| "an axis inserted twice".into());
    }
    if let Some(long) = axes.iter().find(|a| shape[**a] != 1) {
        return Err(format!("axis {long} of {} elements squeezed away; want 1", shape[*long]));
    }
    Ok((0..rank).filter(|a| !named[*a]).map(|a| shape[a]).collect())
}

/// What a `Reshape` to `target` makes of a tensor of shape `shape`: 0 keeps a size, one -1 takes what is left.
pub fn reshaped(shape: &[usize], target: &[i64], zero_is_size: bool) -> Result<Vec<usize>, String> {
    let fail = || format!("a reshape of {shape:?} to {target:?}; their elements differ");
    let all: usize = shape.iter().product();
    let mut sizes = Vec::new();
    let mut open = None;
    for (index, &size) in target.iter().enumerate() {
        sizes.push(match size {
            0 if !zero_is_size => *shape.get(index).ok_or_else(fail)?,
            -1 if open.is_none() => {
                open = Some(index);
                1
            }
            size => usize::try_from(size).map_err(|_| fail())?,
        });
    }
    let product = sizes.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).ok_or_else(fail)?;
    if let Some(index) = open {
        sizes[index] = all.checked_div(product).ok_or_else(fail)?;
    }
    let product = sizes.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    let bound = sizes.iter().try_fold(1usize, |n, d| n.checked_mul((*d).max(1)));
    let is_bounded = bound.is_some_and(|n| n <= sterna_ir::MAX_WEIGHTS);
    if product == Some(all) && is_bounded { Ok(sizes) } else { Err(fail()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        assert_eq!(permuted(&[2, 3], &[1, 0]), [0, 3, 1, 4, 2, 5]);
        assert_eq!(permuted(&[2, 2, 2], &[2, 0, 1]), [0, 2, 4, 6, 1, 3, 5, 7]);
        assert_eq!(permuted(&[], &[]), [0]);
        assert_eq!(reshaped(&[1, 2, 6], &[0, -1, 3], false), Ok(vec![1, 4, 3]));
        assert!(reshaped(&[1, 2, 6], &[5, -1], false).is_err());
        assert!(reshaped(&[0], &[0, -1], true).is_err());
        assert!(permutation(Some(&[0, 0]), 2).is_err());
        assert_eq!(axis(-1, 3), Ok(2));
        assert!(axis(3, 3).is_err());
    }

    #[test]
    fn constants_vary_along_one_axis() {
        assert_eq!(varying_axis(&[], &[4, 3]), Ok(None));
        assert_eq!(varying_axis(&[1, 1, 1], &[4, 3]), Ok(None));
        assert_eq!(varying_axis(&[4, 1], &[4, 3]), Ok(Some(0)));
        assert_eq!(varying_axis(&[3], &[4, 3]), Ok(Some(1)));
        assert!(varying_axis(&[4, 3], &[4, 3]).is_err());
        assert!(varying_axis(&[2], &[4, 3]).is_err());
    }
}
