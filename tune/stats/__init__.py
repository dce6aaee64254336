"""Statistics: intervals, sequential tests, and expectations over subsets of draws."""
