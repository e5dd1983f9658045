"""A table read once into staged splits on the executors' local disks, and passes over them."""
