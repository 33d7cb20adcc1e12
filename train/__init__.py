"""The programs: train, show, report. Their functions can be called: `from pixmix.train.run import train`."""
