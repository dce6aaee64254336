"""Does an earlier study in the store help a later one?"""
