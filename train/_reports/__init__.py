"""The parts of the report page: each module makes one section, or draws for those that do."""
