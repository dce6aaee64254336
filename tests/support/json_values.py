"""Values as JSON has them, for tests that give anything at all."""

from __future__ import annotations

from hypothesis import strategies as st

json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 300),
        st.floats(width=32),
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.sampled_from(["low", "high", "step", "log", "integer"]),
                st.text(max_size=3),
            ),
            inner,
        ),
    ),
    max_leaves=6,
)
